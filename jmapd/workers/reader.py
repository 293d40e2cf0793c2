"""A worker that reads: one transaction for each operation, given up at a deadline."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import attrs

from jmapd.protocol.errors import server_unavailable
from jmapd.protocol.subprotocol import Binding
from jmapd.store.database import Database, DeadlineExceeded
from jmapd.store.store import Store
from jmapd.workers import answers
from jmapd.workers.answers import Answer, OperationRefused
from jmapd.workers.channel import Frame
from jmapd.workers.link import Link
from jmapd.workers.operations import REQUEST
from jmapd.workers.requests import Requests
from jmapd.workers.settings import WorkerSettings
from jmapd.workers.tasks import Tasks

HOLD = 0.002
"""Seconds for which an answer may wait for the next one, to go out with it."""

_PROGRESS = 10_000
"""Steps of SQLite's machine between two looks at the clock."""

_log = logging.getLogger(__name__)


class Exhausted(Exception):
    """The process has met its memory bound, or something it cannot trust itself after: it answers and ends."""


@attrs.frozen
class Reader:
    """Answers one frame after the other."""

    store: Store
    link: Link
    requests: Requests
    tasks: Tasks
    soft_deadline: float

    @classmethod
    def open(cls, store: Store, settings: WorkerSettings, link: Link) -> Reader:
        """Make ready to serve."""
        database = store.database
        signal.signal(signal.SIGALRM, _raise_deadline)
        database.connection.set_progress_handler(lambda: time.monotonic() > database.deadline, _PROGRESS)
        requests = Requests.open(store, settings, lambda: _timer(database))
        return cls(store, link, requests, Tasks.open(store, settings), settings.soft_deadline)

    def serve(self) -> None:
        """Answer until the channel ends, or the process cannot go on."""
        self.link.tell({"ready": True})
        while (frames := self.link.wait()) is not None:
            if not self._answer_all(frames):
                return

    def _answer_all(self, frames: list[Frame]) -> bool:
        """Answer what has come together, in few writes; false where the process cannot go on."""
        answered: list[tuple[Frame, Answer]] = []
        begun = time.monotonic()
        for frame in frames:
            try:
                answered.append((frame, self._answer(frame)))
            except (MemoryError, SystemError):
                _log.exception("memory bound met in %s", frame.arguments["operation"])
                self.link.answer([*answered, (frame, failed(frame))])
                return False
            if time.monotonic() - begun > HOLD:
                self.link.answer(answered)
                answered.clear()
                begun = time.monotonic()
        if answered:
            self.link.answer(answered)
        return True

    def _answer(self, frame: Frame) -> Answer:
        self.store.database.deadline = time.monotonic() + self.soft_deadline
        is_request = frame.arguments["operation"] == REQUEST
        try:
            with self.store.database.reading():
                return self.requests.answer(frame) if is_request else self.tasks.answer(frame)
        except (MemoryError, SystemError):
            raise
        except OSError as error:
            _log.error("%s failed: %s", frame.arguments["operation"], error)
            return failed(frame)
        except Exception:
            _log.exception("%s failed", frame.arguments["operation"])
            return failed(frame)


def failed(frame: Frame) -> Answer:
    """The answer where an operation has met an error of ours, or its deadline, and has done nothing."""
    if frame.arguments["operation"] == REQUEST:
        return answers.request_error(server_unavailable(), Binding(frame.arguments["binding"]))
    return answers.refused(OperationRefused("unavailable", "The server could not do this now."))


@contextmanager
def _timer(database: Database) -> Iterator[None]:
    """Let a method's body run until the deadline, and no longer."""
    signal.setitimer(signal.ITIMER_REAL, max(0.001, database.deadline - time.monotonic()))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _raise_deadline(number: int, frame: FrameType | None) -> None:
    raise DeadlineExceeded
