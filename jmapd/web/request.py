"""An HTTP request that is authenticated, routed and bounded when its headers are complete, and then streams.

Twisted collects a body before it lets anybody look at a request. Here the headers alone decide what happens to the
body: each piece of it is handed on as it comes, the socket is paused while that takes time, and a request that is
refused is answered at once.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any, Protocol
from urllib.parse import unquote, unquote_to_bytes

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocol, IPushProducer
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.iweb import INonQueuedRequestFactory
from zope.interface import implementer

from jmapd.auth.principal import Principal
from jmapd.web.problem import Refusal, refusal

LINGER = 5.0
"""Seconds for which the rest of a refused body is read, so that the client can read the answer."""

LAST_WORDS = 1.0
"""Seconds for the end of an answer to reach a client, and for its goodbye, when the server stops."""

_AUTHORITY = re.compile(rb"https?://[^/?]*", re.IGNORECASE)
_log = Logger()


class Body(Protocol):
    """Takes a request's body."""

    def write(self, data: bytes) -> Deferred[None] | None:
        """Take a piece; fires when the next one may come."""

    def finish(self) -> Deferred[Any] | None:
        """The body is complete: answer the request."""

    def abandon(self) -> None:
        """There will be no more of it."""


class NoBody:
    """For requests whose answer does not depend on a body.

    :param answer: called when the request is complete.
    """

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def write(self, data: bytes) -> None:
        """It is not looked at."""

    def finish(self) -> Deferred[Any] | None:
        """Answer."""
        result: Deferred[Any] | None = self._answer()
        return result

    def abandon(self) -> None:
        """Nothing was begun."""


class Resource(Protocol):
    """Something at a path."""

    methods: frozenset[bytes]
    public: bool
    """Whether it is for everybody, so that nobody is asked who they are."""

    def open(self, request: Request, principal: Principal | None) -> Body:
        """The headers are complete and the client is known: what takes the body.

        :raises Refusal: where the request is to be answered with an error now.
        """


class Site(Protocol):
    """What a request asks: the tree, and who somebody is."""

    reactor: Any

    def resource(self, request: Request) -> Resource:
        """What is at the request's path; raises `Refusal`."""

    def authenticate(self, request: Request) -> Deferred[Principal]:
        """Whom the request acts for; fails with `Refusal`."""


class Channel(http.HTTPChannel):
    """An HTTP/1.1 connection."""

    PATIENCE = 5
    """How often a connection may be found idle while the client has not read all of an answer."""

    factory: HTTPFactory
    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self._successor: IProtocol | None = None
        self._patience = self.PATIENCE
        self._losing = False

    def connectionMade(self) -> None:
        """One connection more."""
        super().connectionMade()
        self.factory.channels[self] = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """One connection less."""
        super().connectionLost(reason)
        self.factory.gone(self)

    def lineReceived(self, line: bytes) -> None:
        """Tell a new request its first line, which Twisted keeps until the body is complete."""
        before = len(self.requests)
        super().lineReceived(line)
        if len(self.requests) > before:
            self.requests[-1].first_line(line)

    def rawDataReceived(self, data: bytes) -> None:
        """What came in one piece with a WebSocket handshake is the WebSocket's."""
        if self._successor is None:
            super().rawDataReceived(data)
        else:
            self._successor.dataReceived(data)

    def hand_over(self, successor: IProtocol) -> tuple[Any, bytes]:
        """Leave the connection to another protocol.

        :returns: the transport, and what has come behind the request.
        """
        transport, self.transport = self.transport, None
        self._successor = successor
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
        self.setTimeout(LAST_WORDS if hurry else self.factory.timeout * self.PATIENCE)

    def timeoutConnection(self) -> None:
        """Nothing has come for long: that is the end, unless the client is busy reading."""
        if self._losing:
            self.transport.abortConnection()
        elif self._waitingForTransport and self._patience:
            self._patience -= 1
            self.setTimeout(self.factory.timeout)
        else:
            super().timeoutConnection()

    def close_when_answered(self) -> None:
        """Close the connection now, or when the request under way is answered."""
        if self.requests:
            self.persistent = False
            return
        self.loseConnection()
        if not self._waitingForTransport:
            self.factory.gone(self)

    def _send100Continue(self) -> None:
        """It is sent when the request is accepted, not before."""


class Request(http.Request):
    """One request."""

    channel: Any
    """The `Channel`; ``None`` when the connection is gone."""

    def __init__(self, channel: Channel, site: Site) -> None:
        super().__init__(channel, False)
        self.site = site
        self.segments: list[str] = []
        self._query = b""
        self._body: Body | None = None
        self._pending: list[bytes] = []
        self._complete = False
        self._writing: Deferred[Any] | None = None
        self._answered = False
        self._lost = False
        self._linger: Any = None

    def first_line(self, line: bytes) -> None:
        """What the request is about."""
        try:
            self.method, self.uri, self.clientproto = line.split(b" ", 2)
        except ValueError:
            return
        # a request may name the server too, as those to a proxy do (RFC 9112 section 3.2.2)
        self.uri = _AUTHORITY.sub(b"", self.uri) or b"/"
        self.path, _, self._query = self.uri.partition(b"?")
        self.segments = [unquote(part.decode("ascii", "replace")) for part in self.path.split(b"/")[1:]]

    def header(self, name: bytes) -> bytes | None:
        """A header field, or ``None``."""
        value: bytes | None = self.requestHeaders.getRawHeaders(name, [None])[-1]
        return value

    def parameter(self, name: bytes) -> bytes | None:
        """A variable of the query, as URI templates expand it (RFC 6570 section 3.2.8)."""
        pairs = (pair.partition(b"=") for pair in self._query.split(b"&"))
        return next((unquote_to_bytes(value) for key, _, value in pairs if key == name), None)

    def tokens(self, name: bytes) -> list[bytes]:
        """The items of a header field that is a list, in lower case."""
        values = self.requestHeaders.getRawHeaders(name, [])
        return [item.strip().lower() for value in values for item in value.split(b",")]

    def gotLength(self, length: int | None) -> None:
        """The headers are complete; ``length`` is ``None`` for a chunked body."""
        self.content = BytesIO()
        self.body_length = length
        try:
            resource = self.site.resource(self)
        except Refusal as error:
            self._refuse(error)
            return
        if resource.public:
            self._open(None, resource)
            return
        self._pause()
        known = self.site.authenticate(self)
        known.addCallback(self._open, resource)
        known.addErrback(self._failed)

    def _open(self, principal: Principal | None, resource: Resource) -> None:
        """The client may go on."""
        if self._lost:
            return
        try:
            self._body = resource.open(self, principal)
        except Refusal as error:
            self._refuse(error)
            return
        if (self.header(b"Expect") or b"").lower() == b"100-continue" and self._awaits_body():
            self.channel.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._resume()
        self._go_on()

    def _awaits_body(self) -> bool:
        return self.body_length != 0 and not self._pending and not self._complete and self.clientproto != b"HTTP/1.0"

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body has come."""
        if not self._answered:
            self._pending.append(data)
            self._go_on()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The body is complete."""
        self._complete = True
        if self._answered:
            self._end()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Hand on what has come, piece by piece."""
        while self._body is not None and self._writing is None and not self._answered:
            if self._pending:
                data = b"".join(self._pending)
                self._pending.clear()
                self._wait(self._body.write, data)
            elif self._complete:
                body, self._body = self._body, None
                done = self._called(body.finish)
                if done is not None:
                    done.addErrback(self._failed)
                return
            else:
                return

    def _wait(self, write: Any, data: bytes) -> None:
        written = self._called(write, data)
        if written is None or written.called:
            return
        self._writing = written
        self._pause()
        written.addCallbacks(self._written, self._failed)

    def _written(self, result: Any) -> None:
        self._writing = None
        self._resume()
        self._go_on()

    def _called(self, function: Any, *arguments: Any) -> Deferred[Any] | None:
        try:
            result: Deferred[Any] | None = function(*arguments)
        except Refusal as error:
            self._refuse(error)
            return None
        return result

    def _failed(self, failure: Failure) -> None:
        self._writing = None
        if failure.check(CancelledError):
            return
        if failure.check(Refusal):
            assert isinstance(failure.value, Refusal)
            self._refuse(failure.value)
            return
        _log.failure("a request failed", failure)
        self._refuse(refusal(500, "The server met an error of its own."))

    def _refuse(self, error: Refusal) -> None:
        if self._body is not None:
            self._body.abandon()
            self._body = None
        self.respond(error.status, error.body, error.headers)

    def respond(self, status: int, body: bytes, headers: dict[bytes, bytes]) -> None:
        """Answer the request as a whole."""
        if self._answered or self._lost:
            return
        self.begin_response(status, len(body), headers)
        self.write(body)
        self.end_response()

    def begin_response(self, status: int, length: int, headers: dict[bytes, bytes]) -> None:
        """Write the answer's header; the body follows by `write`, and then `end_response`."""
        self._answered = True
        self.setResponseCode(status)
        for name, value in headers.items():
            self.setHeader(name, value)
        self.setHeader(b"Date", http.datetimeToString(self.site.reactor.seconds()))
        if status != http.NOT_MODIFIED:
            self.setHeader(b"Content-Length", str(length).encode())
        if not self._complete and self.body_length != 0:
            self.setHeader(b"Connection", b"close")
            self.channel.persistent = False
        self._pending.clear()

    def end_response(self) -> None:
        """The answer has been written."""
        if self._complete:
            self._end()
            return
        # a connection closed over what the client still sends would take the answer with it
        self._resume()
        self._linger = self.site.reactor.callLater(LINGER, self._abort)

    def _end(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if not self._lost and not self.finished:
            self.finish()

    def _abort(self) -> None:
        self._linger = None
        if not self._lost:
            self.channel.transport.abortConnection()

    def connectionLost(self, reason: Failure) -> None:
        """The client is gone."""
        self._lost = True
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if self._body is not None:
            self._body.abandon()
            self._body = None
        super().connectionLost(reason)

    def _pause(self) -> None:
        transport = IPushProducer(self.channel.transport, None)
        if transport is not None:
            transport.pauseProducing()

    def _resume(self) -> None:
        transport = None if self._lost else IPushProducer(self.channel.transport, None)
        if transport is not None:
            transport.resumeProducing()


@implementer(INonQueuedRequestFactory)
class _Requests:
    """Makes the requests of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __call__(self, channel: Channel) -> Request:
        return Request(channel, self._site)


class HTTPFactory(Factory):
    """Makes a `Channel` for each connection.

    :param timeout: seconds for which a connection may be idle between and within requests.
    """

    noisy = False

    def __init__(self, site: Site, timeout: float) -> None:
        self._requests = _Requests(site)
        self._reactor = site.reactor
        self.timeout = timeout
        self.channels: dict[Channel, None] = {}
        self.finishing = False
        self._all_gone: Deferred[None] | None = None

    def buildProtocol(self, addr: Any) -> Any:
        """One connection more."""
        channel: Any = Channel()
        channel.factory = self
        channel.requestFactory = self._requests
        channel.timeOut = self.timeout
        channel.callLater = self._reactor.callLater
        return channel

    def gone(self, channel: Channel) -> None:
        """A connection has ended, or is HTTP no more."""
        self.channels.pop(channel, None)
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

    def log(self, request: http.Request) -> None:
        """Requests are not logged."""
