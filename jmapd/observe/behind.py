"""A thread that writes the log: neither a disk nor who reads the log may hold up the reactor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

ROOM = 4 * 1024 * 1024
"""Characters that may wait to be written; what comes then is left out, and counted."""

GATHER = 0.02
"""Seconds in which lines gather, to be written together: waking a thread for each would cost more than the line."""

LAST = 2.0
"""Seconds that writing the last lines may take when the server ends."""

_Item = str | Callable[[], Any]


class Stream(Protocol):
    """Where lines go: a text stream, or one of Twisted's log files."""

    def write(self, text: str) -> Any:
        """Write some text."""

    def flush(self) -> Any:
        """Let nothing wait."""


class Behind:
    """A stream that writes to another one behind its writers' backs, from `start` to `stop`; before and after, at once.

    :param stream: may block, and may fail: what could not be written is left out.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._changed = threading.Condition()
        self._waiting: list[_Item] = []
        self._size = 0
        self._left_out = 0
        self._thread: threading.Thread | None = None
        self._ending = False

    def start(self) -> None:
        """Start the thread; a process that forks does so before."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Have all written that can be in the time."""
        if self._thread is None:
            return
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(LAST)
        if not self._thread.is_alive():
            self._thread = None

    def write(self, text: str) -> None:
        """Write some text, or have it written."""
        self._put(text, len(text))

    def flush(self) -> None:
        """Let nothing wait that the thread does not write anyway."""
        if self._thread is None:
            self._stream.flush()

    def do(self, work: Callable[[], Any]) -> None:
        """Do something to the stream, after what was written before; not from a signal handler."""
        self._put(work, 0)

    def _put(self, item: _Item, size: int) -> None:
        if self._thread is None:
            self._write([item])
            return
        with self._changed:
            if self._size + size > ROOM:
                self._left_out += 1
                return
            self._size += size
            self._waiting.append(item)
            if len(self._waiting) == 1:
                self._changed.notify()

    def _run(self) -> None:
        while not self._ending:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ending)
            if not self._ending:
                time.sleep(GATHER)
            self._write_what_waits()
        self._write_what_waits()

    def _write_what_waits(self) -> None:
        with self._changed:
            items, self._waiting = self._waiting, []
        self._write(items)
        with self._changed:
            self._size -= sum(len(item) for item in items if isinstance(item, str))
            left_out, self._left_out = self._left_out, 0
        if left_out:
            self._write([f"Lines that could not be written here: {left_out}.\n"])

    def _write(self, items: list[_Item]) -> None:
        """One write for the lines that come together."""
        lines: list[str] = []
        for item in items:
            if isinstance(item, str):
                lines.append(item)
            else:
                self._write_lines(lines)
                lines = []
                item()
        self._write_lines(lines)

    def _write_lines(self, lines: list[str]) -> None:
        if not lines:
            return
        try:
            self._stream.write("".join(lines))
            self._stream.flush()
        except (OSError, ValueError):
            # a full disk, a closed pipe: there is nowhere to say so, and it may pass
            with self._changed:
                self._left_out += len(lines)
