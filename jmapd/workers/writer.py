"""The worker that writes: what waits is done in one transaction, a savepoint each, and answered after its commit.

Every batch has a number, which its own transaction stores. Before the commit the front is told which frames are in
the batch; so after this process' death its successor's first word, the number last committed, tells the front what
has been done and what has not.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import deque
from contextlib import nullcontext

import attrs

from jmapd.protocol.errors import MethodError
from jmapd.store.database import TransactionLost
from jmapd.store.sqlite import checkpoint
from jmapd.store.store import Store, keep_setting, setting
from jmapd.workers.answers import Answer
from jmapd.workers.channel import Frame
from jmapd.workers.link import Link
from jmapd.workers.operations import PREPARE, REQUEST
from jmapd.workers.reader import Exhausted, failed
from jmapd.workers.requests import Requests
from jmapd.workers.settings import WorkerSettings
from jmapd.workers.tasks import Tasks

MAX_BATCH = 64
BATCH_SECONDS = 0.05

QUIET_SECONDS = 0.1
"""When nothing has come for so long, what is in the log is moved into the database."""

_BATCH = "batch"

_log = logging.getLogger(__name__)


class _Undone(Exception):
    """An operation's savepoint comes to nothing, and this is its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


@attrs.define(eq=False)
class Writer:
    """Does what waits, batch by batch.

    :param batch: the number of the batch last committed.
    """

    store: Store
    link: Link
    requests: Requests
    tasks: Tasks
    soft_deadline: float
    batch: int
    _waiting: deque[Frame] = attrs.field(factory=deque)
    _uncheckpointed: bool = False

    @classmethod
    def open(cls, store: Store, settings: WorkerSettings, link: Link) -> Writer:
        """Make ready to serve."""
        requests = Requests.open(store, settings, nullcontext)
        batch = int(setting(store.database, _BATCH) or 0)
        return cls(store, link, requests, Tasks.open(store, settings), settings.soft_deadline, batch)

    def serve(self) -> None:
        """Work until the channel ends, or the process cannot go on."""
        self.link.tell({"ready": True, "committed": self.batch})
        while True:
            if not self._waiting:
                if self._uncheckpointed and self.link.is_quiet(QUIET_SECONDS):
                    self._checkpoint()
                frames = self.link.wait()
                if frames is None:
                    return
                self._waiting.extend(frames)
            try:
                self._turn()
            except Exhausted:
                return

    def _checkpoint(self) -> None:
        self._uncheckpointed = False
        try:
            checkpoint(self.store.database.connection)
        except sqlite3.Error as error:
            # nothing is lost: it is in the log, and the next commit brings the next attempt
            _log.error("the log cannot be moved into the database: %s", error)

    def _turn(self) -> None:
        if self._waiting[0].arguments["operation"] == PREPARE:
            frame = self._waiting.popleft()
            with self.store.database.reading():
                self.link.answer([(frame, self.tasks.answer(frame))])
            return
        taken: list[Frame] = []
        try:
            done = self._batch(taken)
        except (sqlite3.Error, TransactionLost) as error:
            _log.error("a batch of %d came to nothing: %s", len(taken), error)
            self._undo()
            for frame in taken:
                self.link.answer([(frame, self._alone(frame))])
        else:
            self.link.answer(done)

    def _batch(self, taken: list[Frame]) -> list[tuple[Frame, Answer]]:
        """Do what waits in one transaction; what has been begun with is put into ``taken``."""
        self.store.database.begin()
        until = time.monotonic() + BATCH_SECONDS
        done: list[tuple[Frame, Answer]] = []
        while self._waiting and len(done) < MAX_BATCH and (not done or time.monotonic() < until):
            if self._waiting[0].arguments["operation"] == PREPARE:
                break
            taken.append(self._waiting.popleft())
            done.append((taken[-1], self._one(taken[-1])))
            if not self._waiting:
                self._waiting.extend(self.link.poll())
        self._commit(done)
        return done

    def _commit(self, done: list[tuple[Frame, Answer]]) -> None:
        self.store.text.flush()
        keep_setting(self.store.database, _BATCH, str(self.batch + 1))
        notice = {
            "batch": self.batch + 1,
            "frames": [frame.number for frame, _ in done],
            "credentials": [pair for _, answer in done for pair in answer.credentials],
            "accesses": [user for _, answer in done for user in answer.accesses],
            "push_subscriptions": [user for _, answer in done for user in answer.push_subscriptions],
        }
        self.link.tell(notice)
        self.store.database.commit()
        self._uncheckpointed = True
        self.batch += 1

    def _alone(self, frame: Frame) -> Answer:
        """Do again, in a transaction of its own, what was in a batch that came to nothing."""
        try:
            self.store.database.begin()
            answer = self._one(frame)
            self._commit([(frame, answer)])
        except (sqlite3.Error, TransactionLost) as error:
            _log.error("%s came to nothing: %s", frame.arguments["operation"], error)
            self._undo()
            return self._unwritten(frame)
        return answer

    def _unwritten(self, frame: Frame) -> Answer:
        """The answer where the store takes nothing, for it is full perhaps: what only reads is done all the same."""
        if frame.arguments["operation"] != REQUEST:
            return failed(frame)
        try:
            with self.store.database.reading():
                return self.requests.answer(frame, MethodError("serverFail", "The server could not store this."))
        except Exception as error:
            _log.error("it cannot be read either: %s", error)
            return failed(frame)

    def _one(self, frame: Frame) -> Answer:
        """Do one operation within its savepoint."""
        database = self.store.database
        database.deadline = time.monotonic() + self.soft_deadline
        is_request = frame.arguments["operation"] == REQUEST
        try:
            with database.savepoint("operation"):
                answer = self.requests.answer(frame) if is_request else self.tasks.answer(frame)
                if "wanted" in answer.arguments or "refused" in answer.arguments:
                    raise _Undone(answer)
                return answer
        except _Undone as undone:
            return undone.answer
        except (sqlite3.Error, TransactionLost):
            raise
        except Exception:
            # the parser's surprises and the memory bound come here too: what they touched has been undone
            _log.exception("%s failed", frame.arguments["operation"])
            return failed(frame)
        finally:
            database.deadline = float("inf")

    def _undo(self) -> None:
        self.store.database.rollback()
        self.store.text.discard()
