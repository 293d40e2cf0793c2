"""Pushes over HTTP: an event stream that a client reads for as long as it likes (RFC 8620 section 7.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Self

import attrs
import orjson
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from zope.interface import implementer

from jmapd.auth.lifetime import Lifetimes
from jmapd.auth.principal import Principal
from jmapd.push.hub import Hub
from jmapd.push.listening import Listening
from jmapd.web.ledger import Ledger
from jmapd.web.problem import refusal
from jmapd.web.request import Body, NoBody, Request
from jmapd.web.resources import GET
from jmapd.workers.pool import Pool

MIN_PING, MAX_PING = 5, 3600
"""Seconds between two pings, where a client wants any; RFC 8620 allows the least to be 30, the most to be 300."""

STALL = 120.0
"""Seconds for which a client may read nothing of what is sent to it."""

RETRY_AFTER = b"60"
"""Seconds."""

_PING = re.compile(rb"[0-9]{1,9}")


@attrs.frozen
class Wishes:
    """What a client asks for.

    :param types: the data types; ``None`` is all.
    :param close_after_state: whether the stream is to end with the first change.
    :param ping: seconds; 0: none.
    """

    types: frozenset[str] | None
    close_after_state: bool
    ping: int

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read a query.

        :raises Refusal: 400 where it is not as the Session's template has it.
        """
        types = (request.parameter(b"types") or b"").decode("utf-8", "replace")
        close_after = request.parameter(b"closeafter")
        ping = request.parameter(b"ping") or b""
        if not types:
            raise refusal(400, "types must be * or names of data types, with commas between them.")
        if close_after not in (b"state", b"no"):
            raise refusal(400, "closeafter must be state or no.")
        if not _PING.fullmatch(ping):
            raise refusal(400, "ping must be a number of seconds; 0 is none.")
        seconds = min(max(int(ping), MIN_PING), MAX_PING) if int(ping) else 0
        return cls(None if types == "*" else frozenset(types.split(",")), close_after == b"state", seconds)


class EventSources:
    """Gives event streams, and keeps count of those that are open.

    :param reactor: an IReactorTime, for pings.
    :param lifetimes: ends streams whose credentials end.
    :param ledger: how many a user may have, WebSockets among them.
    """

    methods = GET
    public = False
    takes_ticket = False

    def __init__(self, reactor: Any, pool: Pool, hub: Hub, lifetimes: Lifetimes, ledger: Ledger) -> None:
        self.reactor = reactor
        self.pool = pool
        self.hub = hub
        self.lifetimes = lifetimes
        self.ledger = ledger
        self.streams: dict[_Stream, None] = {}
        self._finishing = False
        pool.accesses_changed.append(self._accesses_changed)

    def open(self, request: Request, principal: Principal | None) -> Body:
        """Begin a stream for a client that is known."""
        assert principal is not None
        wishes = Wishes.of(request)
        if not self.ledger.has_room(principal):
            raise refusal(429, "Too many streams of this user are open.", {b"Retry-After": RETRY_AFTER})
        return NoBody(lambda: self._begin(request, principal, wishes))

    def _begin(self, request: Request, principal: Principal, wishes: Wishes) -> None:
        headers = {
            b"Content-Type": b"text/event-stream",
            b"Cache-Control": b"no-cache, no-store, must-revalidate",
            # nginx holds back what it passes on, unless it is told not to
            b"X-Accel-Buffering": b"no",
        }
        request.begin_response(200, None, headers)
        if request.method == b"HEAD" or self._finishing:
            request.end_response()
        else:
            _Stream(self, request, principal, wishes).begin()

    def _accesses_changed(self, user: int) -> None:
        for stream in list(self.streams):
            if stream.principal.user == user:
                stream.accesses_changed()

    def finish(self) -> None:
        """The server is going away: streams end, and clients come back for others."""
        self._finishing = True
        for stream in list(self.streams):
            stream.end()


@implementer(IPushProducer)
class _Stream:
    """One client's stream.

    :param principal: whose it is.
    """

    def __init__(self, sources: EventSources, request: Request, principal: Principal, wishes: Wishes) -> None:
        self.principal = principal
        self._sources = sources
        self._request = request
        self._wishes = wishes
        self._listening: Listening | None = None
        self._release: Callable[[], None] | None = None
        self._ping: IDelayedCall | None = None
        self._stalled: IDelayedCall | None = None

    def begin(self) -> None:
        """Tell what the client has missed since its last event, and go on from there."""
        sources, request = self._sources, self._request
        sources.streams[self] = None
        sources.ledger.joined(self.principal)
        request.registerProducer(self, True)
        # a comment: the client sees that it is connected before anything happens
        request.write(b":\n\n")
        self._release = sources.lifetimes.hold(self.principal, self.end)
        if self not in sources.streams:
            # the credential has ended since it was looked at
            return
        self._wait_for_ping()
        last = (request.header(b"Last-Event-ID") or b"").decode("latin-1") or None
        self._listening = Listening(
            sources.pool, sources.hub, self.principal.user, self, self._wishes.types, last, self.end
        )

    def accesses_changed(self) -> None:
        """The user may see other accounts now."""
        if self._listening is not None:
            self._listening.accesses_changed()

    def push(self, message: bytes) -> bool:
        """Send a StateChange, unless the client does not read."""
        if self not in self._sources.streams or self._stalled is not None:
            return False
        change = orjson.loads(message)
        # it says all that the client knows from then on, which is what an event's id is for
        known = change.pop("pushState")
        self._request.write(b"id: %s\nevent: state\ndata: %s\n\n" % (known.encode(), orjson.dumps(change)))
        self._wait_for_ping()
        if self._wishes.close_after_state:
            self.end()
        return True

    def _wait_for_ping(self) -> None:
        if self._ping is not None:
            self._ping.reset(self._wishes.ping)
        elif self._wishes.ping:
            self._ping = self._sources.reactor.callLater(self._wishes.ping, self._send_ping)

    def _send_ping(self) -> None:
        self._ping = None
        if self._stalled is None:
            self._request.write(b'event: ping\ndata: {"interval":%d}\n\n' % self._wishes.ping)
        self._wait_for_ping()

    def pauseProducing(self) -> None:
        """The client does not read."""
        if self._stalled is None:
            self._stalled = self._sources.reactor.callLater(STALL, self._give_up)

    def _give_up(self) -> None:
        self._stalled = None
        self._request.channel.abort()

    def resumeProducing(self) -> None:
        """The client reads again."""
        self._cancel_stalled()
        if self._listening is not None:
            self._listening.ready()

    def stopProducing(self) -> None:
        """The client is gone."""
        self._leave()

    def end(self) -> None:
        """Send nothing more; what has been sent is read still, and the client comes back by itself."""
        if self._leave():
            self._request.unregisterProducer()
            self._request.end_response()

    def _leave(self) -> bool:
        """Nothing is told any more; false where that has been so."""
        if self not in self._sources.streams:
            return False
        del self._sources.streams[self]
        self._sources.ledger.left(self.principal)
        if self._release is not None:
            self._release()
        self._cancel_stalled()
        if self._ping is not None:
            self._ping.cancel()
            self._ping = None
        if self._listening is not None:
            self._listening.stop()
        return True

    def _cancel_stalled(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
