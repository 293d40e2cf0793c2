"""A connection without a reactor: what it is given and what it writes are octets, and time stands still."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from zope.interface import implementer

from jmapd.auth.principal import Principal
from jmapd.http2.connection import Connection
from jmapd.web.bounds import Bounds
from jmapd.web.channel import HTTPFactory
from jmapd.web.forwarded import Proxies
from jmapd.web.request import Body, Request, Resource

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
INITIAL = 65_535
"""Octets of a window of which nothing is said (RFC 9113 section 6.9.2)."""


def frame(type: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack("!I", len(payload))[1:] + bytes([type, flags]) + struct.pack("!I", stream) + payload


def field(name: bytes, value: bytes) -> bytes:
    """A field without HPACK's compression; both are short."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def block(method: bytes) -> bytes:
    pairs = ((b":method", method), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"localhost"))
    return b"".join(field(name, value) for name, value in pairs)


def window(stream: int, octets: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack("!I", octets))


def initial_window(octets: int) -> bytes:
    return frame(SETTINGS, 0, 0, struct.pack("!HI", 4, octets))


class Echo:
    """Takes a body, and answers with it when it is complete."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._body = b""

    def write(self, data: bytes) -> None:
        self._body += data

    def finish(self) -> Deferred[Any] | None:
        self._request.respond(200, self._body, {})
        return None

    def abandon(self) -> None:
        """There is nothing to be given back."""


class Slow(Echo):
    """Takes a piece at a time: what comes meanwhile has to wait."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._call: Any = None

    def write(self, data: bytes) -> Deferred[None]:  # type: ignore[override]  # it may, as a `Body`
        super().write(data)
        taken: Deferred[None] = Deferred()

        def take() -> None:
            self._call = None
            taken.callback(None)

        self._call = self._request.site.reactor.callLater(0, take)
        return taken

    def abandon(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None


class Held(Echo):
    """Is answered by the test, piece by piece."""

    def finish(self) -> None:
        return None


class Anything:
    """At every path."""

    methods = frozenset({b"GET", b"POST", b"HEAD"})
    public = True
    takes_ticket = False

    def __init__(self, body: type[Echo]) -> None:
        self._body = body
        self.requests: list[Request] = []

    def open(self, request: Request, principal: Principal | None) -> Body:
        self.requests.append(request)
        return self._body(request)


class Site:
    """A tree of one resource."""

    def __init__(self, clock: Clock, body: type[Echo]) -> None:
        self.reactor = clock
        self.proxies = Proxies()
        self.anything = Anything(body)

    def resource(self, request: Request) -> Resource:
        return self.anything

    def authenticate(self, request: Request, resource: Resource) -> Deferred[Principal]:
        raise AssertionError("all of it is public")

    def fields(self, request: Request) -> Iterable[tuple[bytes, bytes]]:
        return ()


@implementer(ILogObserver)
class Failures(list[LogEvent]):
    """What is logged as a failure of the server's own."""

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            self.append(event)


class Wire:
    """The connection and its client's end.

    :ivar data: the content of each stream that has come so far.
    :ivar ended: the streams whose end has come.
    :ivar reset: those that the server has reset.
    """

    def __init__(self, body: type[Echo] = Echo, bounds: Bounds | None = None) -> None:
        self.clock = Clock()
        self.site = Site(self.clock, body)
        self.factory = HTTPFactory(self.site, bounds or Bounds())
        self.connection = Connection(self.factory)
        self.transport = StringTransport()
        self._failures = Failures()
        self.data: defaultdict[int, bytes] = defaultdict(bytes)
        self.ended: set[int] = set()
        self.reset: set[int] = set()
        self._unread = b""
        globalLogPublisher.addObserver(self._failures)
        self.connection.makeConnection(self.transport)
        self.take()

    @property
    def over(self) -> bool:
        """Whether the server has ended it."""
        return self.transport.disconnecting or self.transport.disconnected

    def give(self, data: bytes) -> None:
        """What a client sends comes to a transport that is not at an end."""
        if not self.transport.disconnected:
            self.connection.dataReceived(data)

    def take(self) -> list[tuple[int, int, int]]:
        """See what has been written since: for each frame of content its stream, octets and flags."""
        self._unread += self.transport.value()
        self.transport.clear()
        found = []
        for type, flags, stream, payload in self._frames():
            if type == DATA:
                self.data[stream] += payload
                found.append((stream, len(payload), flags))
            if type in (DATA, HEADERS) and flags & END_STREAM:
                self.ended.add(stream)
            if type == RST_STREAM:
                self.reset.add(stream)
        return found

    def _frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        while len(self._unread) >= 9 and len(self._unread) >= (size := 9 + int.from_bytes(self._unread[:3])):
            whole, self._unread = self._unread[:size], self._unread[size:]
            yield whole[3], whole[4], int.from_bytes(whole[5:9]), whole[9:]

    def turn(self, times: int = 3) -> None:
        """Let be done what is to be done at once."""
        for _ in range(times):
            self.clock.advance(0)

    def lose(self) -> None:
        """The connection is gone: nothing of it is left, and nothing went wrong."""
        self.connection.connectionLost()
        globalLogPublisher.removeObserver(self._failures)
        assert not self.connection._streams
        assert not self.connection.requests
        assert self.connection.unsent == 0
        assert not self.factory.channels
        assert not self.clock.getDelayedCalls()
        assert not self._failures, self._failures[0]
