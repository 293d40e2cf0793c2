"""The thread that writes the log."""

import os
import threading
from collections.abc import Callable
from io import StringIO

from jmapd.observe.behind import ROOM, Behind


def read_in_background(descriptor: int) -> Callable[[], str]:
    """Read a pipe from now on; the function that is returned waits for its end."""
    taken: list[bytes] = []

    def read() -> None:
        while data := os.read(descriptor, 65536):
            taken.append(data)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def all_of_it() -> str:
        thread.join()
        os.close(descriptor)
        return b"".join(taken).decode()

    return all_of_it


def test_nobody_waits_for_who_reads_the_log_and_what_had_no_room_is_counted() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        behind = Behind(pipe)
        behind.start()
        line = f"{'x' * 999}\n"
        written = 2 * ROOM // len(line)
        for _ in range(written):
            # nobody reads: a write to the pipe itself would never come back
            behind.write(line)
        text = read_in_background(reading)
        behind.stop()
    *lines, missing = text().splitlines()
    assert set(lines) == {line.strip()}
    assert len(lines) >= ROOM // len(line)
    assert missing == f"Lines that could not be written here: {written - len(lines)}."


def test_before_it_starts_and_after_it_stopped_lines_are_written_at_once() -> None:
    stream = StringIO()
    behind = Behind(stream)
    behind.write("before\n")
    assert stream.getvalue() == "before\n"
    behind.start()
    behind.write("meanwhile\n")
    behind.stop()
    behind.write("after\n")
    assert stream.getvalue() == "before\nmeanwhile\nafter\n"


def test_work_on_the_stream_is_done_in_its_place() -> None:
    stream = StringIO()
    behind = Behind(stream)
    behind.start()
    behind.write("first\n")
    behind.do(lambda: stream.write("the file is another one\n"))
    behind.write("second\n")
    behind.stop()
    assert stream.getvalue() == "first\nthe file is another one\nsecond\n"


class FullDisk(StringIO):
    """A file on a disk that is full for a while."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_full_disk_ends_nothing_and_what_it_cost_is_told_when_there_is_room_again() -> None:
    stream = FullDisk()
    behind = Behind(stream)
    behind.write("lost\n")
    stream.full = False
    behind.start()
    behind.write("kept\n")
    behind.stop()
    assert sorted(stream.getvalue().splitlines()) == ["Lines that could not be written here: 1.", "kept"]
