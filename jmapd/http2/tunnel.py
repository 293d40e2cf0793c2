"""A stream as the transport of a WebSocket (RFC 8441): to Autobahn it looks like a connection of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from twisted.internet.interfaces import IConsumer, IProtocol, IPushProducer, ITransport
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from zope.interface import implementer

from jmapd.web.request import Request

if TYPE_CHECKING:
    from jmapd.http2.stream import Stream

_END = b"\r\n\r\n"
# RFC 8441 section 5: HTTP/2 has neither the key nor what is made of it
_ACCEPT = b"sec-websocket-accept"


@implementer(ITransport, IConsumer, IPushProducer)
class Tunnel:
    """The transport; what the protocol writes first is its answer to an HTTP/1.1 handshake."""

    disconnecting = False
    request: Request | None = None

    def __init__(self, stream: Stream, protocol: IProtocol) -> None:
        self._stream = stream
        self._protocol = protocol
        self._head: bytes | None = b""

    def look(self, now: float) -> None:
        """A WebSocket's time is its heartbeat's matter."""

    def data_received(self, data: bytes) -> None:
        """Frames have come."""
        self._protocol.dataReceived(data)

    def end_received(self) -> None:
        """The client has closed the connection, as TCP would say it."""
        self._stream.finish()

    def lost(self, reason: Failure) -> None:
        """The stream is over."""
        self._protocol.connectionLost(reason)

    def write(self, data: bytes) -> None:
        """Send frames; before them the answer to the handshake."""
        if self._head is None:
            self._stream.write(data)
            return
        self._head += data
        head, end, rest = self._head.partition(_END)
        if end:
            self._head = None
            self._answer(head)
            if rest:
                self._stream.write(rest)

    def _answer(self, head: bytes) -> None:
        """What Autobahn says in HTTP/1.1, in HTTP/2's terms: 101 is 200 here."""
        status, *lines = head.split(b"\r\n")
        headers = Headers()
        for line in lines:
            name, _, value = line.partition(b":")
            if name.strip().lower() != _ACCEPT:
                headers.addRawHeader(name.strip(), value.strip())
        code = status.split(b" ", 2)[1]
        self._stream.writeHeaders(b"HTTP/2", b"200" if code == b"101" else code, b"", headers)

    def writeSequence(self, pieces: Any) -> None:
        """Send frames."""
        self.write(b"".join(pieces))

    def loseConnection(self) -> None:
        """Close when all is sent."""
        self.disconnecting = True
        self._stream.finish()

    def abortConnection(self) -> None:
        """Close now (RFC 8441 section 5: the error is CANCEL)."""
        self._stream.reset(ErrorCodes.CANCEL)

    def getPeer(self) -> Any:
        """The address of the client."""
        return self._stream.getPeer()

    def getHost(self) -> Any:
        """Our own address."""
        return self._stream.getHost()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Tell a producer when the client does not read."""
        self._stream.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """The producer is done."""
        self._stream.unregisterProducer()

    def pauseProducing(self) -> None:
        """Do not read."""
        self._stream.pause()

    def resumeProducing(self) -> None:
        """Read on."""
        self._stream.resume()

    def stopProducing(self) -> None:
        """End it."""
        self._stream.reset(ErrorCodes.CANCEL)
