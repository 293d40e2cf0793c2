"""The sweep, from the front's side: rounds of housekeeping, a piece at a time, beside the traffic."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from jmapd.workers.answers import OperationRefused

STEPS = ("texts", "changes", "uploads", "replies", "push_subscriptions", "blobs", "files")
"""In the order in which one makes room for the next."""

INTERVAL = 600.0
"""Seconds between two rounds."""

PAUSE = 0.1
"""Seconds after each piece, for everybody else."""

_log = Logger()


class Performing(Protocol):
    """Has operations done, as `jmapd.workers.pool.Pool` does."""

    def perform(self, operation: str, arguments: dict[str, Any], body: bytes = b"") -> Deferred[Any]:
        """Have an operation done."""


class SweepService(Service):
    """Begins a round every so often, driven by one LoopingCall; the next one waits until it is over.

    :param clock: an IReactorTime.
    """

    def __init__(self, clock: Any, pool: Performing) -> None:
        self._clock = clock
        self._pool = pool
        self._call = LoopingCall(self._round)
        self._call.clock = clock
        self._pausing: Deferred[None] | None = None

    def startService(self) -> None:
        """Begin, but not while the server starts."""
        super().startService()
        self._call.start(INTERVAL, now=False)

    def stopService(self) -> None:
        """Begin no further piece."""
        super().stopService()
        if self._call.running:
            self._call.stop()
        if self._pausing is not None:
            self._pausing.cancel()

    def _round(self) -> Deferred[Any]:
        return self._sweep().addErrback(self._failed)

    @inlineCallbacks
    def _sweep(self) -> Any:
        for step in STEPS:
            at: Any = None
            while True:
                reply = yield self._pool.perform("sweep", {"step": step, "at": at})
                at = reply.arguments["at"]
                self._pausing = deferLater(self._clock, PAUSE)
                yield self._pausing
                self._pausing = None
                if at is None:
                    break

    def _failed(self, failure: Failure) -> None:
        """The next round takes it up again."""
        self._pausing = None
        if not failure.check(CancelledError, OperationRefused):
            _log.failure("the sweep failed", failure)
