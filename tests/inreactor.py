"""Tests that need the real reactor: each runs it until its coroutine is done."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

SECONDS = 90
"""After these a test is given up."""


def run(coroutine: Coroutine[Deferred[Any], Any, Any]) -> Any:
    """Run the reactor until a coroutine is done; its result, or its exception raised."""
    results: list[Any] = []

    def begin() -> None:
        done = Deferred.fromCoroutine(coroutine)
        too_late = reactor.callLater(SECONDS, done.cancel)

        def finished(result: Any) -> None:
            results.append(result)
            if too_late.active():
                too_late.cancel()
            reactor.crash()

        done.addBoth(finished)

    reactor.callWhenRunning(begin)
    reactor.run()
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return result
