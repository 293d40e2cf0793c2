"""A WebSocket whose messages come whole and within bounds (RFC 6455, RFC 7692), whatever they are about.

Autobahn reads the frames; what is put together of them, and what becomes of a client that sends or leaves unread too
much, is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from jmapd.observe.metrics import Metrics
from jmapd.protocol.subprotocol import SUBPROTOCOL
from jmapd.web.bounds import SocketBounds
from jmapd.web.deflate import Agreement, Compression, Deflate, agree, offers
from jmapd.web.rates import Flooded, Rate
from jmapd.web.traffic import Traffic

GOING_AWAY = 1001
UNSUPPORTED_DATA = 1003
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009
INTERNAL_ERROR = 1011

CLOSE_TIMEOUT = 5
"""Seconds that a client has to answer a Close frame before the connection is aborted."""


class MessageFactory(WebSocketServerFactory):
    """What the connections have in common.

    :param now: tells the time, in seconds.
    :param bounds: of each connection.
    :param compression: how messages are compressed; ``None``: they are not.
    :param metrics: are told of each bound that is met.
    """

    noisy = False

    def __init__(
        self,
        reactor: Any,
        now: Callable[[], float],
        bounds: SocketBounds,
        compression: Compression | None,
        metrics: Metrics,
    ) -> None:
        super().__init__(reactor=reactor, server="jmapd", protocols=[SUBPROTOCOL])
        self.now = now
        self.bounds = bounds
        self.compression = compression
        self._metrics = metrics
        # a failure is told by a Close frame; pings are the heartbeat's; the handshake was complete before Autobahn saw it
        self.setProtocolOptions(
            failByDrop=False,
            autoPingInterval=0,
            utf8validateIncoming=True,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=CLOSE_TIMEOUT,
        )

    def agree(self, extensions: Sequence[bytes]) -> Agreement | None:
        """What is agreed on compression.

        :param extensions: the values of the Sec-WebSocket-Extensions fields.
        :raises NotExtensions: where they are none.
        """
        offered = offers(extensions)
        return None if self.compression is None else agree(offered, self.compression)

    def hit(self, bound: str) -> None:
        """A bound was met."""
        self._metrics.hit(bound)


@implementer(IPushProducer)
class MessageProtocol(WebSocketServerProtocol):
    """One connection.

    :param agreement: on compression, if there is one.
    :ivar factory: a `MessageFactory`.
    :ivar heard: when something came from the peer last, or it was not listened to, on the factory's clock.
    :ivar pinged: when it was sent a Ping last.
    :ivar held: whether the client does not read, so that it is not read from.
    """

    factory: Any
    transport: Any
    takes_binary = False

    def __init__(self, agreement: Agreement | None = None) -> None:
        super().__init__()
        self.traffic = Traffic()
        self.agreement = agreement
        self.heard = 0.0
        self.pinged = 0.0
        self.held = False
        self._size = 0
        self._frames = 0
        self._binary = False
        self._came: bytes | bytearray = b""
        self._unsent = 0
        self._control: Rate | None = None
        self._deaf = False

    def message_received(self, payload: bytes, binary: bool) -> None:
        """A message has come whole."""
        raise NotImplementedError

    @property
    def can_send(self) -> bool:
        """Whether messages can be sent."""
        return bool(self.state == self.STATE_OPEN)

    @property
    def unsent(self) -> int:
        """Octets that were written since the client stopped reading; 0 while it reads."""
        return self._unsent if self.held else 0

    def onConnect(self, request: Any) -> Any:
        """The handshake has been checked before."""
        extensions = {} if self.agreement is None else {"Sec-WebSocket-Extensions": str(self.agreement)}
        return SUBPROTOCOL, extensions

    def onOpen(self) -> None:
        """The handshake has been answered."""
        self.heard = self.pinged = self.factory.now()
        if self.agreement is not None:
            # what was agreed on holds, though other handshakes come to nothing by now
            level = (self.factory.compression or Compression()).level
            deflate = Deflate(self.agreement, level, self.factory.bounds.max_size)
            self._perMessageCompress: Any = deflate
            self.websocket_extensions_in_use.append(deflate)

    def dataReceived(self, data: bytes) -> None:
        """Something has come: the peer lives."""
        # without the text of a debug message, which Autobahn's own prepares each time
        self.heard = self.factory.now()
        self.traffic.bytes_in += len(data)
        if not self._deaf:
            self.data += data
            self.consumeData()

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Write a frame, and close the connection of a client for whom far too much waits."""
        self.traffic.bytes_out += len(data)
        self.transport.write(data)
        if self.held:
            self._unsent += len(data)
            if self._unsent > self.factory.bounds.max_unsent:
                self._unsent = 0
                self.factory.hit("web-sockets.max-unsent")
                self.close(POLICY_VIOLATION, "you do not read what you asked for")

    def send(self, payload: bytes, *, binary: bool = False) -> None:
        """Send a message, compressed where that is worth its time."""
        self.traffic.messages_out += 1
        compression = self.factory.compression
        plain = compression is None or not compression.min_size <= len(payload) <= compression.max_size
        self.sendMessage(payload, binary, doNotCompress=plain)

    def onMessageBegin(self, isBinary: bool) -> None:
        """A message begins; one of the wrong kind ends the connection."""
        self._came = b""
        self._size = self._frames = 0
        # Autobahn adds to it what a frame has grown by when it was inflated
        self.message_data_total_length = 0
        self._binary = isBinary
        if self.agreement is not None:
            self._perMessageCompress.max_size = self.factory.bounds.max_size
        if isBinary and not self.takes_binary:
            self.close(UNSUPPORTED_DATA, "messages are text")

    def onMessageFrameBegin(self, length: int) -> None:
        """A frame begins: its length is known before its bytes come."""
        self._size += length
        self._frames += 1
        if self._size > self.factory.bounds.max_size:
            self.too_large()
        elif self._frames > self.factory.bounds.max_frames:
            self._violated("web-sockets.max-frames", "a message is in too many frames")

    def _max_message_size_exceeded(self, size: int, most: int, reason: str) -> None:
        """What was inflated has become too large."""
        self.too_large()

    def too_large(self) -> None:
        """A message is too large (RFC 6455 section 7.4.1)."""
        self.close(MESSAGE_TOO_BIG, "the message is too large")

    def onMessageFrameData(self, payload: bytes) -> None:
        """Bytes of a frame; nearly always all of a message."""
        if not self.can_send:
            self._came = b""
        elif not self._came:
            self._came = payload
        else:
            # one buffer that grows, however small the fragments are
            if isinstance(self._came, bytes):
                self._came = bytearray(self._came)
            self._came += payload

    def onMessageFrameEnd(self) -> None:
        """Frames are not told apart."""

    def onMessageEnd(self) -> None:
        """A message is complete."""
        payload, self._came = self._came, b""
        self.traffic.messages_in += 1
        if self.can_send:
            self.message_received(bytes(payload), self._binary)

    def onPing(self, payload: bytes) -> None:
        """Answer, to those who do not ask too often."""
        self._count_control()
        if self.can_send:
            self.sendPong(payload)

    def onPong(self, payload: bytes) -> None:
        """The peer lives, which `dataReceived` has noted."""
        self._count_control()

    def _count_control(self) -> None:
        now = self.factory.now()
        if self._control is None:
            self._control = Rate("web-sockets.max-control-frames", self.factory.bounds.max_control_frames, now)
        try:
            self._control.count(now)
        except Flooded as flooded:
            self._violated(flooded.bound, "too many pings and pongs")

    def _violated(self, bound: str, reason: str) -> None:
        """The client costs too much: it is not even listened to until it is gone."""
        if self.can_send:
            self.factory.hit(bound)
            self.close(POLICY_VIOLATION, reason)
            self._deaf = True
            self.data = b""

    def pauseProducing(self) -> None:
        """The client does not read: it is not read from."""
        if self.held:
            # a TCP transport says so at each write
            return
        self.held = True
        self._unsent = 0
        # it is not listened to, so its silence means nothing
        self.heard = self.factory.now()
        if self.transport is not None:
            self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client reads again."""
        self.held = False
        self.heard = self.factory.now()
        if self.transport is not None and self.state != self.STATE_CLOSED:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is gone; `onClose` sees to the rest."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye, if that has not been said; what still comes is not looked at.

        :param reason: at most 123 octets.
        """
        if self.can_send:
            self._came = b""
            # the public `sendClose` is for applications, and takes none of the RFC's own codes but 1000
            self.sendCloseFrame(code, reason.encode())
            if self.held:
                # its answer could not be read otherwise
                self.transport.resumeProducing()

    def _closeConnection(self, abort: bool = False) -> None:
        """End the connection: after what was written, the Close frame at last, unless the client is past caring.

        The heartbeat aborts it if it takes too long.
        """
        self.heard = self.factory.now()
        super()._closeConnection(abort and not self.wasClean)

    def abort(self) -> None:
        """End the connection now."""
        self.transport.abortConnection()

    def goodbye(self) -> tuple[int | None, str, bool]:
        """The code and the reason of the first Close frame, and whether it was ours."""
        if self.closedByMe:
            ours: bytes | None = self.localCloseReason
            return self.localCloseCode, (ours or b"").decode(), True
        theirs: str | None = self.remoteCloseReason
        return self.remoteCloseCode, theirs or "", False
