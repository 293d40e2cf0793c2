"""What `jmapctl` asks with: the running server's control socket, or a writer of its own where no server runs."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs

from jmapd.workers import answers, lock
from jmapd.workers.answers import OperationRefused
from jmapd.workers.channel import Frame, FrameReader
from jmapd.workers.operations import PREPARE
from jmapd.workers.settings import WorkerSettings

__all__ = ["Client", "OperationRefused", "Unavailable", "connect", "connect_running"]

SOCKET_NAME = "control"

_RECEIVE = 1 << 18

Said = tuple[dict[str, Any], bytes]


class Unavailable(Exception):
    """Neither a server nor the data directory can be had; the message says why."""


@attrs.define(eq=False)
class Client:
    """Asks operations, one or many at a time. A context manager: at its end whatever was started is ended.

    :param channel: a blocking socket.
    :param writer: the process at its other end, if it is ours.
    """

    channel: socket.socket
    writer: subprocess.Popen[bytes] | None = None
    _frames: FrameReader = attrs.field(factory=FrameReader)
    _came: deque[Frame] = attrs.field(factory=deque)
    _under_way: dict[int, _Asked] = attrs.field(factory=dict)
    _number: int = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.channel.close()
        if self.writer is not None:
            self.writer.wait()

    def perform(self, operation: str, arguments: dict[str, Any], body: bytes = b"") -> Said:
        """Have an operation done.

        :raises OperationRefused: where it cannot be.
        :raises Unavailable: where the server has gone.
        """
        (said,) = self.perform_many([(operation, arguments, body)])
        if isinstance(said, OperationRefused):
            raise said
        return said

    def perform_many(
        self, jobs: Iterable[tuple[str, dict[str, Any], bytes]], in_flight: int = 8
    ) -> Iterator[Said | OperationRefused]:
        """Have many operations done, several at a time.

        :param jobs: operation, arguments and body of each; ``import`` is one here, though it is two to the server.
        :returns: what came of each, in the order of the jobs.
        :raises Unavailable: where the server has gone.
        """
        waiting: deque[_Asked] = deque()
        for operation, arguments, body in jobs:
            importing = operation == "import"
            asked = _Asked(arguments if importing else None)
            self._begin(asked, "import_read" if importing else operation, arguments, body)
            waiting.append(asked)
            while len(waiting) >= in_flight:
                self._hear()
                yield from _finished(waiting)
        while waiting:
            self._hear()
            yield from _finished(waiting)

    def _begin(self, asked: _Asked, operation: str, arguments: dict[str, Any], body: bytes) -> None:
        asked.job = (operation, arguments, body)
        asked.prepared.clear()
        self._ask(asked, *asked.job)

    def _ask(self, asked: _Asked, operation: str, arguments: dict[str, Any], body: bytes) -> int:
        self._number += 1
        self._under_way[self._number] = asked
        self._send(Frame(self._number, {**arguments, "operation": operation}, body).to_bytes())
        return self._number

    def _send(self, data: bytes) -> None:
        """Send, and take in what comes meanwhile: the other side may not read on before it has been heard."""
        left = memoryview(data)
        while left:
            readable, writable, _ = select.select([self.channel], [self.channel], [])
            if readable:
                self._receive()
            if writable:
                try:
                    left = left[self.channel.send(left, socket.MSG_DONTWAIT) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise Unavailable(f"the server has gone: {error}") from None

    def _receive(self) -> None:
        """Take in what has come, or wait for it."""
        try:
            data = self.channel.recv(_RECEIVE)
        except OSError as error:
            raise Unavailable(f"the server has gone: {error}") from None
        if not data:
            raise Unavailable("the server has gone")
        self._came.extend(self._frames.feed(data))

    def _hear(self) -> None:
        """Wait until at least one frame has come, and see to those that have."""
        while not self._came:
            self._receive()
        while self._came:
            frame = self._came.popleft()
            if "unopenable" in frame.arguments:
                raise Unavailable(frame.arguments["unopenable"])
            asked = self._under_way.pop(frame.number, None)
            if asked is not None:
                self._answered(asked, frame)

    def _answered(self, asked: _Asked, frame: Frame) -> None:
        said = frame.arguments
        if frame.number in asked.preparing:
            asked.prepared.append(answers.prepared_piece(asked.preparing.pop(frame.number), said, frame.body))
            if not asked.preparing:
                operation, arguments, body = asked.job
                self._ask(asked, operation, *answers.join_prepared(arguments, body, asked.prepared))
        elif "refused" in said:
            asked.said = OperationRefused(said["refused"], said["detail"])
        elif "wanted" in said:
            # a writer of our own; a server that runs sees to it itself
            for one in said["wanted"]:
                number = self._ask(asked, PREPARE, {"user": 0, "wanted": one["arguments"]}, b"")
                asked.preparing[number] = one["key"]
        elif asked.importing is not None and "hash" in said:
            arguments, asked.importing = {**asked.importing, "message": said}, None
            self._begin(asked, "import_store", arguments, frame.body)
        else:
            asked.said = (said, frame.body)


@attrs.define(eq=False)
class _Asked:
    """An operation under way.

    :param importing: the arguments of an import while the message is being read.
    :param job: what is asked now: operation, arguments and body.
    :param preparing: for each number the key of what is being prepared for that.
    """

    importing: dict[str, Any] | None
    job: tuple[str, dict[str, Any], bytes] = ("", {}, b"")
    preparing: dict[int, str] = attrs.field(factory=dict)
    prepared: list[tuple[dict[str, Any], bytes]] = attrs.field(factory=list)
    said: Said | OperationRefused | None = None


def _finished(waiting: deque[_Asked]) -> Iterator[Said | OperationRefused]:
    while waiting and (said := waiting[0].said) is not None:
        waiting.popleft()
        yield said


def connect(data_dir: Path, settings: WorkerSettings) -> Client:
    """Reach the store of a data directory.

    :param settings: for a writer of our own, where no server runs.
    :raises Unavailable: where neither is possible.
    """
    return _running(data_dir) or own_writer(data_dir, settings)


def connect_running(data_dir: Path) -> Client:
    """Reach the server that runs on a data directory, for what only it can tell.

    :raises Unavailable: where none runs.
    """
    running = _running(data_dir)
    if running is None:
        raise Unavailable(f"no server is running on {data_dir}")
    return running


def _running(data_dir: Path) -> Client | None:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        channel.connect(str(data_dir / SOCKET_NAME))
    except (FileNotFoundError, ConnectionRefusedError):
        channel.close()
        return None
    except OSError as error:
        raise Unavailable(f"{data_dir / SOCKET_NAME}: {error.strerror}") from None
    return Client(channel)


def own_writer(data_dir: Path, settings: WorkerSettings) -> Client:
    """Take the data directory, and start a writer there.

    :raises Unavailable: where somebody else has it.
    """
    try:
        held = lock.take(data_dir)
    except lock.Locked as error:
        raise Unavailable(str(error)) from None
    except OSError as error:
        raise Unavailable(f"{data_dir}: {error.strerror}") from None
    ours, theirs = socket.socketpair()
    owner = data_dir.stat()
    # what root has done by somebody else's data directory, is done as they
    identity: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    try:
        writer = subprocess.Popen(  # noqa: S603  # our own interpreter, and JSON that we made
            [
                *(sys.executable, "-m", "jmapd.workers.process"),
                *(attrs.evolve(settings, writer=True).to_json(), str(theirs.fileno())),
            ],
            pass_fds=(theirs.fileno(), held),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **(identity if os.geteuid() == 0 else {}),
        )
    finally:
        theirs.close()
        os.close(held)
    return Client(ours, writer)
