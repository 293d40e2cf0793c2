"""StateChanges to one PushSubscription, one POST after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import orjson
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks
from twisted.logger import Logger

from jmapd.protocol.encryption import MAX_MESSAGE
from jmapd.push.hub import Hub, Throttle
from jmapd.push.listening import Listening
from jmapd.push.post import Outcome
from jmapd.workers.pool import Pool

RETRY_SECONDS = 5.0
"""Until the workers are asked again what they could not answer."""

_log = Logger()


@attrs.define
class Pace:
    """How long a push service that could not take a message is left alone; after 429 the more so (RFC 8620 section 7.2).

    :ivar seconds: between two POSTs at least; it grows with each failure and goes back with each success.
    """

    seconds: float = 0.0

    FIRST = 2.0
    LONGEST = 3600.0

    def failed(self, wanted: float) -> None:
        """A POST was not taken.

        :param wanted: seconds for which the push service has asked.
        """
        self.seconds = max(min(2 * self.seconds or self.FIRST, self.LONGEST), wanted)

    def succeeded(self) -> None:
        """A POST was taken."""
        self.seconds = self.seconds / 2 if self.seconds > self.FIRST else 0.0


Post = Callable[[bytes], Deferred[Outcome]]
"""Sends a message to the PushSubscription's URL."""


class Delivery:
    """A verified PushSubscription: what it is told of.

    :param clock: an IReactorTime.
    :param types: the data types; ``None`` is all.
    :param told: the pushState of what the client is known to have been told.
    :param throttle: decides when StateChanges are sent.
    :param post: sends a message.
    :param gone: called when there is nobody at the URL any more.
    :param note: called with each pushState that the client has been told.
    """

    def __init__(
        self,
        clock: Any,
        pool: Pool,
        hub: Hub,
        throttle: Throttle,
        user: int,
        types: frozenset[str] | None,
        told: str,
        post: Post,
        gone: Callable[[], None],
        note: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._pool = pool
        self._hub = hub
        self._throttle = throttle
        self._user = user
        self.types = types
        self.told = told
        self._post = post
        self._gone = gone
        self._note = note
        self._pace = Pace()
        self._busy = False
        self._stopped = False
        self._posting: Deferred[Any] | None = None
        self._rest: Any = None
        self._listening: Listening | None = None

    def begin(self) -> None:
        """Tell what has changed since the client was told last, and go on from there; a second time, begin anew."""
        self._leave()
        if self._busy or self._stopped:
            return
        self._listening = Listening(
            self._pool, self._hub, self._user, self, self.types, self.told, self._unread, self._throttle
        )

    def tell_of(self, types: frozenset[str] | None) -> None:
        """Tell of other types from now on; how long the push service is left alone stays the same."""
        self.types = types
        self.begin()

    def stop(self) -> None:
        """Send nothing more."""
        self._stopped = True
        self._leave()
        if self._posting is not None:
            self._posting.cancel()
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def accesses_changed(self) -> None:
        """The user may see other accounts now."""
        if self._listening is not None:
            self._listening.accesses_changed()

    def push(self, message: bytes) -> bool:
        """Send a StateChange, unless one is under way or must not be yet."""
        if self._busy or self._stopped:
            return False
        self._busy = True
        change = orjson.loads(message)
        told = change.pop("pushState")
        self._posting = self._send(change, told)
        self._posting.addErrback(self._broken)
        return True

    @inlineCallbacks
    def _send(self, change: dict[str, Any], told: str) -> Any:
        for piece in pieces(change):
            outcome = yield self._post(piece)
            if self._stopped:
                return
            if outcome.is_gone:
                self._gone()
                return
            if not outcome.is_taken:
                self._failed(outcome.retry_after)
                return
        self.told = told
        self._note(told)
        self._pace.succeeded()
        self._wait(self._pace.seconds)

    def _broken(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            _log.failure("a PushSubscription is told no more for now", failure)
        if not self._stopped:
            self._failed(0)

    def _failed(self, retry_after: float) -> None:
        """What was sent last may not have come: begin anew, after a while, from what is known to have."""
        self._leave()
        self._pace.failed(retry_after)
        self._wait(self._pace.seconds)

    def _unread(self) -> None:
        """What the client is to be told cannot be read now."""
        self._listening = None
        if not self._busy:
            self._wait(RETRY_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._busy = True
        if seconds:
            self._rest = self._clock.callLater(seconds, self._go_on)
        else:
            self._go_on()

    def _go_on(self) -> None:
        self._rest = None
        self._busy = False
        if self._listening is None:
            self.begin()
        else:
            self._listening.ready()

    def _leave(self) -> None:
        if self._listening is not None:
            self._listening.stop()
            self._listening = None


def pieces(change: dict[str, Any]) -> Iterator[bytes]:
    """A StateChange as messages that push services must take (RFC 8030 section 7.2): several where it is too long for one.

    :param change: without a pushState.
    """
    whole = orjson.dumps(change)
    if len(whole) <= MAX_MESSAGE:
        yield whole
        return
    changed = list(change["changed"].items())
    if len(changed) == 1:
        ((account, types),) = changed
        states = list(types.items())
        halves = [{account: dict(states[: len(states) // 2])}, {account: dict(states[len(states) // 2 :])}]
    else:
        halves = [dict(changed[: len(changed) // 2]), dict(changed[len(changed) // 2 :])]
    for half in halves:
        yield from pieces({**change, "changed": half})
