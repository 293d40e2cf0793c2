"""What PushSubscriptions' clients have been told, kept for the next server to go on from."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall

from jmapd.workers.pool import OperationRefused, Pool

NOTE_SECONDS = 10.0
"""For which it is gathered before it is kept; what is lost of it is told twice."""


class Told:
    """Gathers pushStates, and has the workers keep them before long.

    :param clock: an IReactorTime.
    """

    def __init__(self, clock: Any, pool: Pool) -> None:
        self._clock = clock
        self._pool = pool
        self._told: dict[int, str] = {}
        self._keeping: IDelayedCall | None = None

    def note(self, number: int, told: str) -> None:
        """The client of a PushSubscription has been told so much."""
        self._told[number] = told
        if self._keeping is None:
            self._keeping = self._clock.callLater(NOTE_SECONDS, self._keep)

    def stop(self) -> Deferred[Any]:
        """Nothing more is noted; fires when all that was is kept."""
        if self._keeping is not None:
            self._keeping.cancel()
        return self._keep()

    def _keep(self) -> Deferred[Any]:
        self._keeping = None
        told, self._told = list(self._told.items()), {}
        if not told:
            return succeed(None)
        kept = self._pool.perform("push_told", {"told": told})
        return kept.addErrback(lambda failure: failure.trap(OperationRefused, CancelledError))
