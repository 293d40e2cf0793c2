"""HTTP/1.1 connections: Twisted's, with requests that see their headers first, and that can become a WebSocket."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IProtocol, IPushProducer, ISSLTransport
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.iweb import INonQueuedRequestFactory
from zope.interface import implementer

from jmapd.observe.access import AccessLog
from jmapd.observe.metrics import Metrics
from jmapd.web.bounds import MAX_FIELD_NAME, Bounds
from jmapd.web.pace import Pace
from jmapd.web.problem import refusal
from jmapd.web.request import LINGER, Request, Site, peer_address
from jmapd.web.traffic import Traffic
from jmapd.web.wire import whole_response

VERSIONS = frozenset({"HTTP/1.0", "HTTP/1.1", "HTTP/2"})
"""Those that the log and the metrics name; a client may write anything."""

LAST_WORDS = 1.0
"""Seconds for the end of an answer to reach a client, and for its goodbye, when the server stops."""


FIRST_REQUEST = 2.0
"""Seconds that a client which has asked nothing yet has for its request when the server stops: it has just come."""


class _Phase(enum.Enum):
    """What a connection is waiting for, and which time it has for that.

    The timer is Twisted's own; here nothing that comes makes it longer by itself.
    """

    FIRST = enum.auto()
    """The first request; its header's time runs already."""
    IDLE = enum.auto()
    HEADER = enum.auto()
    BODY = enum.auto()
    ANSWER = enum.auto()
    """Our own answer, which has no time."""


@implementer(IHandshakeListener)
class Channel(http.HTTPChannel):
    """An HTTP/1.1 connection.

    :ivar kind: what the metrics and an operator call it.
    :ivar number: the connection's, in the order in which they came.
    :ivar opened: when it was, on the reactor's clock.
    :ivar client: the address that it came from.
    :ivar user: whom its last request that was known acted for.
    """

    lingers = True
    PATIENCE = 5
    """How often a connection may be found idle while the client has not read all of an answer."""

    factory: HTTPFactory
    transport: Any
    number = 0
    opened = 0.0
    user = ""
    client = ""
    kind = "http1"
    unsent = 0

    def __init__(self) -> None:
        super().__init__()
        self._successor: IProtocol | None = None
        self._patience = self.PATIENCE
        self._losing = False
        self._phase = _Phase.FIRST
        self._in_header = False
        self._fields = 0
        self._octets = 0
        self._pace: Pace | None = None
        self.traffic = Traffic()

    def connectionMade(self) -> None:
        """One connection more."""
        super().connectionMade()
        self.factory.came(self)
        bounds = self.factory.bounds
        handshake = bounds.handshake_timeout if ISSLTransport.providedBy(self.transport) else 0
        self.setTimeout(handshake + bounds.header_timeout)

    def handshakeCompleted(self) -> None:
        """TLS is there, and the protocol chosen: from now on the client has its time for a header."""
        successor = self.factory.successor(self.transport.negotiatedProtocol)
        if successor is not None:
            transport, _ = self.hand_over(successor)
            successor.makeConnection(transport)
        elif self._phase is _Phase.FIRST:
            self.setTimeout(FIRST_REQUEST if self.factory.finishing else self.factory.bounds.header_timeout)

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """Whether there may be another request after this one: not where the server stops."""
        if self.factory.finishing:
            request.responseHeaders.setRawHeaders(b"connection", [b"close"])
            return False
        return bool(super().checkPersistence(request, version))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """One connection less."""
        super().connectionLost(reason)
        self.factory.gone(self)

    def dataReceived(self, data: bytes) -> None:
        """Something has come."""
        self.traffic.bytes_in += len(data)
        super().dataReceived(data)

    def resetTimeout(self) -> None:
        """Something comes: if it is the first of a header, that one's time begins."""
        if self._phase is _Phase.FIRST:
            self._phase = _Phase.HEADER
        elif self._phase is _Phase.IDLE:
            self._phase = _Phase.HEADER
            self.setTimeout(self.factory.bounds.header_timeout)

    def lineReceived(self, line: bytes) -> None:
        """Take a line of a header, if there may be one more; Twisted answers 400 to all that is too much."""
        if self._in_header:
            if not line or self._has_room(line):
                super().lineReceived(line)
            return
        before = len(self.requests)
        super().lineReceived(line)
        if len(self.requests) > before:
            self._in_header = True
            self.MAX_LENGTH = self.factory.bounds.max_header_size
            if not self._losing:
                # Twisted keeps it until the body is complete
                self.requests[-1].begin(*line.split(b" ", 2))

    def _has_room(self, line: bytes) -> bool:
        bounds = self.factory.bounds
        self._octets += len(line) + len(self.delimiter)
        # one that begins with white space goes on with the field before
        self._fields += line[0] not in b" \t"
        if self._octets > bounds.max_header_size or line.find(b":") > MAX_FIELD_NAME:
            self.turn_down(431, "The header is too large.", "max-header-size")
        elif self._fields > bounds.max_header_fields:
            self.turn_down(431, "The header has too many fields.", "max-header-fields")
        else:
            return True
        return False

    def lineLengthExceeded(self, line: bytes) -> None:
        """A single line is more than there may be in all."""
        if self._in_header:
            self.turn_down(431, "The header is too large.", "max-header-size")
        else:
            self.turn_down(414, "The request line is too long.", "max-request-line")

    def turn_down(self, status: int, detail: str, bound: str = "") -> None:
        """Answer what is no request that could be read, and end the connection.

        :param bound: the one that was met, if it was one.
        """
        if bound:
            self.factory.metrics.hit(bound)
        request = self.requests[-1] if self.requests else Request(self, self.factory.site)
        if not request.startedWriting:
            self.transport.write(whole_response(refusal(status, detail)))
            request.code = status
            self.factory.log(request)
        self.loseConnection()
        self.setTimeout(LINGER)
        # Twisted would go on reading requests until the connection is gone
        self.dataReceived = lambda data: None  # type: ignore[method-assign]  # of this one alone

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.turn_down(400, "This is no request.")

    def allHeadersReceived(self) -> None:
        """The header is complete: a body has a time of its own."""
        if self.length != 0:
            self._phase = _Phase.BODY
            self._pace = Pace(self.factory.site.reactor.seconds())
            self.setTimeout(self.factory.bounds.body_timeout)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        """The request is complete, and makes room for the header of the next one."""
        self._phase = _Phase.ANSWER
        self.traffic.messages_in += 1
        self._pace = None
        self._in_header = False
        self._fields = self._octets = 0
        self.MAX_LENGTH = self.factory.bounds.max_request_line
        # what Twisted comes back to when the request is answered
        self.setTimeout(self.factory.bounds.idle_timeout)
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """A request is answered."""
        self._phase = _Phase.IDLE
        self.traffic.messages_out += 1
        self.traffic.bytes_out += request.sentLength
        # what has come of the next one already is given to `dataReceived` again
        if self.persistent:
            self.traffic.bytes_in -= sum(map(len, self._dataBuffer))
        super().requestDone(request)

    def rawDataReceived(self, data: bytes) -> None:
        """What came in one piece with a WebSocket handshake is the WebSocket's."""
        if self._successor is None:
            if self._pace is not None:
                self._pace.came += len(data)
            super().rawDataReceived(data)
        else:
            self._successor.dataReceived(data)

    def hand_over(self, successor: IProtocol) -> tuple[Any, bytes]:
        """Leave the connection to another protocol.

        :returns: the transport, and what has come behind the request.
        """
        transport, self.transport = self.transport, None
        self._successor = successor
        self.setTimeout(None)
        transport.unregisterProducer()
        if isinstance(transport, ProtocolWrapper):
            transport.wrappedProtocol = successor
        else:
            transport.protocol = successor
        early = b"".join(self._dataBuffer)
        self.factory.gone(self)
        return transport, early

    def resumeProducing(self) -> None:
        """The client has read all that was sent."""
        self._patience = self.PATIENCE
        super().resumeProducing()

    def loseConnection(self) -> None:
        """Close the connection when all is sent; a client that does not let it end has only so much time for that."""
        super().loseConnection()
        self._losing = True
        hurry = self.factory.finishing and not self._waitingForTransport
        self.setTimeout(LAST_WORDS if hurry else self.factory.bounds.idle_timeout * self.PATIENCE)

    def timeoutConnection(self) -> None:
        """The time is over for what the connection was waiting for."""
        if self._losing:
            self.transport.abortConnection()
        elif self._phase is _Phase.HEADER:
            self.turn_down(408, "The header took too long.", "header-timeout")
        elif self._phase is _Phase.BODY:
            self._look_at_pace()
        elif self._waitingForTransport and self._patience:
            # the client is busy reading
            self._patience -= 1
            self.setTimeout(self.factory.bounds.idle_timeout)
        else:
            if not self.factory.finishing:
                self.factory.metrics.hit("header-timeout" if self._phase is _Phase.FIRST else "idle-timeout")
            self.loseConnection()

    def _look_at_pace(self) -> None:
        """Whether enough has come of a body; the timer does not know of the time that we did not read."""
        bounds, pace, now = self.factory.bounds, self._pace, self.factory.site.reactor.seconds()
        assert pace is not None
        left = bounds.body_timeout - pace.elapsed(now)
        if pace.is_paused:
            self.setTimeout(bounds.body_timeout)
        elif left > 0:
            self.setTimeout(left)
        elif pace.came >= bounds.body_rate * bounds.body_timeout:
            pace.begin_again(now)
            self.setTimeout(bounds.body_timeout)
        else:
            self.factory.metrics.hit("body-timeout")
            self.requests[-1].refuse(refusal(408, "The body came too slowly."))

    def close_when_answered(self) -> None:
        """Close the connection now, or when the request under way is answered."""
        if self.requests:
            self.persistent = False
            return
        if self._phase is _Phase.FIRST and not self._losing:
            self.setTimeout(FIRST_REQUEST)
            return
        self.loseConnection()
        if not self._waitingForTransport:
            self.factory.gone(self)

    def pause(self) -> None:
        """Read nothing more for now."""
        if self._pace is not None:
            self._pace.pause(self.factory.site.reactor.seconds())
        transport = IPushProducer(self.transport, None)
        if transport is not None:
            transport.pauseProducing()

    def resume(self) -> None:
        """Read on."""
        if self._pace is not None:
            self._pace.resume(self.factory.site.reactor.seconds())
        transport = IPushProducer(self.transport, None)
        if transport is not None:
            transport.resumeProducing()

    def send_continue(self) -> None:
        """Tell the client to send the body."""
        self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def answered_early(self, request: Request) -> None:
        """The connection ends with this answer, for nobody reads the body that still comes."""
        request.setHeader(b"Connection", b"close")
        self.persistent = False

    def abort(self) -> None:
        """End the connection now."""
        self.transport.abortConnection()

    def _send100Continue(self) -> None:
        """It is sent when the request is accepted, not before."""


@implementer(INonQueuedRequestFactory)
class _Requests:
    """Makes the requests of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __call__(self, channel: Channel) -> Request:
        return Request(channel, self._site)


class Connection(Protocol):
    """What is known of a connection, whichever HTTP version it speaks.

    :ivar kind: what the metrics and an operator call it.
    :ivar number: its own, in the order in which they came.
    :ivar opened: when it was, on the reactor's clock.
    :ivar client: the address that it came from.
    :ivar user: whom its last request that was known acted for.
    """

    kind: str
    number: int
    opened: float
    client: str
    user: str
    traffic: Traffic

    @property
    def requests(self) -> Sequence[Any]:
        """The requests under way."""

    @property
    def unsent(self) -> int:
        """Octets that wait for the client to read."""

    def getPeer(self) -> Any:
        """The other end."""

    def close_when_answered(self) -> None:
        """End it when the requests under way are answered."""

    def abort(self) -> None:
        """End it now."""


class HTTPFactory(Factory):
    """Makes a `Channel` for each connection.

    :param access: writes a line for each request.
    :ivar by_alpn: what speaks another version of HTTP than 1.1, by its name in a TLS handshake (RFC 7301).
    """

    noisy = False

    def __init__(
        self, site: Site, bounds: Bounds, metrics: Metrics | None = None, access: AccessLog | None = None
    ) -> None:
        self._requests = _Requests(site)
        self.site = site
        self.bounds = bounds
        self.metrics = metrics or Metrics()
        self.access = access or AccessLog(False)
        self.channels: dict[Connection, None] = {}
        self.by_alpn: dict[bytes, Callable[[HTTPFactory], IProtocol]] = {}
        self.finishing = False
        self._numbers = count(1)
        self._all_gone: Deferred[None] | None = None

    def buildProtocol(self, addr: Any) -> Any:
        """One connection more."""
        channel: Any = Channel()
        channel.factory = self
        channel.requestFactory = self._requests
        channel.timeOut = self.bounds.idle_timeout
        channel.callLater = self.site.reactor.callLater
        # Twisted's own bounds, which it answers with 400, stand behind ours
        channel.MAX_LENGTH = self.bounds.max_request_line
        channel.maxHeaders = self.bounds.max_header_fields
        channel.totalHeadersSize = self.bounds.max_request_line + self.bounds.max_header_size
        return channel

    def successor(self, negotiated: bytes | None) -> IProtocol | None:
        """What is to speak on a connection, where that is not HTTP/1.1."""
        make = self.by_alpn.get(negotiated or b"")
        return None if make is None else make(self)

    def came(self, channel: Connection) -> None:
        """A connection is there."""
        channel.number = next(self._numbers)
        channel.opened, channel.client = self.site.reactor.seconds(), peer_address(channel)
        self.channels[channel] = None
        self.metrics.opened(channel.kind)

    def gone(self, channel: Connection) -> None:
        """A connection has ended, or is HTTP no more."""
        if channel in self.channels:
            del self.channels[channel]
            self.metrics.closed(channel.kind)
        if not self.channels and self._all_gone is not None:
            # a connection that goes on with another protocol is gone and comes again
            self.site.reactor.callLater(0, self._tell_all_gone)

    def _tell_all_gone(self) -> None:
        if not self.channels and self._all_gone is not None:
            all_gone, self._all_gone = self._all_gone, None
            all_gone.callback(None)

    def finish(self) -> Deferred[None]:
        """Let each connection end when its request is answered; fires when all have."""
        self.finishing = True
        gone = self._all_gone = Deferred()
        for channel in list(self.channels):
            channel.close_when_answered()
        if not self.channels and not gone.called:
            self._all_gone = None
            gone.callback(None)
        return gone

    def log(self, request: Request, answered: bool = True) -> None:
        """A request has been answered, or its client has gone before."""
        if request.logged:
            return
        request.logged = True
        status = request.code if answered else 0
        version = request.clientproto.decode("ascii", "replace")
        version = version if version in VERSIONS else "-"
        self.metrics.http_request(version, status)
        user = None if request.principal is None else request.principal.name
        seconds = 0.0 if request.begun is None else self.site.reactor.seconds() - request.begun
        method, path = (request.method, request.path) if request.path.startswith(b"/") else (b"-", b"-")
        self.access.request(request.client_address, user, method, path, version, status, request.sentLength, seconds)
