"""HTTP/1.1 connections: Twisted's, with requests that see their headers first, and that can become a WebSocket."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IPushProducer
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.iweb import INonQueuedRequestFactory
from zope.interface import implementer

from jmapd.web.request import Request, Site

LAST_WORDS = 1.0
"""Seconds for the end of an answer to reach a client, and for its goodbye, when the server stops."""


class Channel(http.HTTPChannel):
    """An HTTP/1.1 connection."""

    lingers = True
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
        if len(self.requests) > before and line.count(b" ") > 1:
            self.requests[-1].begin(*line.split(b" ", 2))

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

    def pause(self) -> None:
        """Read nothing more for now."""
        transport = IPushProducer(self.transport, None)
        if transport is not None:
            transport.pauseProducing()

    def resume(self) -> None:
        """Read on."""
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
