"""JMAP over WebSocket (RFC 8887): Autobahn's frames, the pool's answers, the hub's pushes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from jmapd.auth.lifetime import Lifetimes
from jmapd.auth.principal import Principal
from jmapd.protocol.errors import RequestError, limit
from jmapd.protocol.subprotocol import (
    SUBPROTOCOL,
    Binding,
    PushDisable,
    PushEnable,
    push_message,
    render_error,
)
from jmapd.push.hub import Hub, Subscription
from jmapd.web.ledger import Ledger
from jmapd.web.traffic import Traffic
from jmapd.workers.pool import Answer, Origin, Pool, Reply

GOING_AWAY = 1001
UNSUPPORTED_DATA = 1003
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009
INTERNAL_ERROR = 1011

CLOSE_TIMEOUT = 5
"""Seconds that a client has to answer a Close frame before the connection is aborted."""

MAX_UNSENT = 64 * 1024 * 1024
"""Octets that may be waiting for a client that does not read; what was running when it stopped must fit."""

_log = Logger()


@implementer(IPushProducer)
class JMAPProtocol(WebSocketServerProtocol):
    """One connection.

    :ivar heard: when something came from the peer last, or it was not listened to, on the factory's clock.
    :ivar pinged: when it was sent a Ping last.
    :ivar number: the connection's, in the order in which they were opened.
    :ivar opened: when it was, on the factory's clock.
    :param client: the address that it came from.
    :param version: of HTTP.
    """

    factory: JMAPFactory
    transport: Any

    number = 0
    opened = 0.0

    def __init__(self, principal: Principal, client: str, version: str) -> None:
        super().__init__()
        self.client = client
        self.version = version
        self.traffic = Traffic()
        self.origin = Origin(principal)
        self.subscription: Subscription | None = None
        self.heard = 0.0
        self.pinged = 0.0
        self._asked: dict[Deferred[Answer], None] | None = None
        self._size = 0
        self._text: bytes | bytearray = b""
        self._unsent = 0
        self._release: Callable[[], None] | None = None

    @property
    def can_send(self) -> bool:
        """Whether messages can be sent."""
        return bool(self.state == self.STATE_OPEN)

    @property
    def asked(self) -> int:
        """How many Requests wait or run."""
        return len(self._asked or ())

    @property
    def unsent(self) -> int:
        """Octets that were written since the client stopped reading; 0 while it reads."""
        return self._unsent if self.origin.held else 0

    def onConnect(self, request: Any) -> str:
        """The handshake has been checked before."""
        return SUBPROTOCOL

    def onOpen(self) -> None:
        """The handshake has been answered."""
        self.heard = self.pinged = self.factory.now()
        self.factory.opened(self)
        self._release = self.factory.lifetimes.hold(self.origin.principal, self._credentials_ended)

    def _credentials_ended(self) -> None:
        """Whoever this is has no right to be here any more."""
        self.close(POLICY_VIOLATION, "your credentials are not valid any more")

    def dataReceived(self, data: bytes) -> None:
        """Something has come: the peer lives."""
        # without the text of a debug message, which Autobahn's own prepares each time
        self.heard = self.factory.now()
        self.traffic.bytes_in += len(data)
        self.data += data
        self.consumeData()

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Write a frame, and close the connection of a client for whom far too much waits."""
        self.traffic.bytes_out += len(data)
        self.transport.write(data)
        if self.origin.held:
            self._unsent += len(data)
            if self._unsent > MAX_UNSENT:
                self._unsent = 0
                self.close(POLICY_VIOLATION, "you do not read what you asked for")

    def sendMessage(self, payload: bytes, *arguments: Any, **named: Any) -> None:
        """Send a message."""
        self.traffic.messages_out += 1
        super().sendMessage(payload, *arguments, **named)

    def onMessageBegin(self, isBinary: bool) -> None:
        """A message begins; one that is not text ends the connection (RFC 8887 section 4.3.1)."""
        self._text = b""
        self._size = 0
        if isBinary:
            self.close(UNSUPPORTED_DATA, "messages are text")

    def onMessageFrameBegin(self, length: int) -> None:
        """A frame begins: its length is known before its bytes come."""
        self._size += length
        if self._size > self.factory.max_size and self.can_send:
            self.factory.ledger.metrics.hit("request.max-size")
            error = limit("maxSizeRequest", f"A message may have {self.factory.max_size} octets.")
            self.sendMessage(render_error(error, Binding.WEBSOCKET))
            self.close(MESSAGE_TOO_BIG, "the message is too large")

    def onMessageFrameData(self, payload: bytes) -> None:
        """Bytes of a frame; nearly always all of a message."""
        if not self.can_send:
            self._text = b""
        elif not self._text:
            self._text = payload
        else:
            # one buffer that grows, however small the fragments are
            if isinstance(self._text, bytes):
                self._text = bytearray(self._text)
            self._text += payload

    def onMessageFrameEnd(self) -> None:
        """Frames are not told apart."""

    def onMessageEnd(self) -> None:
        """A message is complete."""
        text, self._text = self._text, b""
        self.traffic.messages_in += 1
        if not self.can_send:
            return
        try:
            self._message(bytes(text))
        except RequestError as error:
            self.sendMessage(render_error(error, Binding.WEBSOCKET))
        except Exception:
            self._failed(Failure())

    def _message(self, text: bytes) -> None:
        about_pushes = push_message(text)
        if about_pushes is None:
            self._submit(text)
        elif isinstance(about_pushes, PushEnable):
            self._enable(about_pushes)
        elif isinstance(about_pushes, PushDisable):
            self._disable()

    def _submit(self, text: bytes) -> None:
        if not self.factory.accepting:
            return
        answer = self.factory.pool.submit(self.origin, text, Binding.WEBSOCKET)
        if not answer.called:
            if self._asked is None:
                self._asked = {}
            self._asked[answer] = None
        answer.addCallbacks(self._answered, self._cancelled, callbackArgs=(answer,))
        answer.addErrback(self._failed)

    def _answered(self, answer: Answer, asked: Deferred[Answer]) -> None:
        if self._asked is not None:
            self._asked.pop(asked, None)
            # most connections are idle most of the time, and even an empty dict has its size
            self._asked = self._asked or None
        if self.can_send:
            self.sendMessage(answer.body)

    def _cancelled(self, failure: Failure) -> None:
        failure.trap(CancelledError)

    def _failed(self, failure: Failure) -> None:
        _log.failure("a message or its answer failed", failure)
        self.close(INTERNAL_ERROR, "the server met an error of its own")

    def _enable(self, enable: PushEnable) -> None:
        """Register first, then read the past: nothing falls between the two."""
        self._disable()
        hub = self.factory.hub
        subscription = self.subscription = hub.register(self, enable.data_types)

        def read(reply: Reply) -> None:
            hub.start(subscription, reply.arguments["epoch"], reply.arguments["accounts"], enable.push_state)

        def unread(failure: Failure) -> None:
            hub.remove(subscription)
            if self.subscription is subscription:
                # without its pushes the client is better off with another connection
                self.close(INTERNAL_ERROR, "the states could not be read")

        states = self.factory.pool.perform("states", {"user": self.origin.principal.user})
        states.addCallbacks(read, unread)
        states.addErrback(self._failed)

    def _disable(self) -> None:
        if self.subscription is not None:
            self.factory.hub.remove(self.subscription)
            self.subscription = None

    def push(self, message: bytes) -> bool:
        """Send a StateChange, unless the client does not read."""
        if self.origin.held or not self.can_send:
            return False
        self.sendMessage(message)
        return True

    def pauseProducing(self) -> None:
        """The client does not read: it is not read from, and none of its Requests start."""
        if self.origin.held:
            # a TCP transport says so at each write
            return
        self.origin.held = True
        self._unsent = 0
        # it is not listened to, so its silence means nothing
        self.heard = self.factory.now()
        if self.transport is not None:
            self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client reads again."""
        self.origin.held = False
        self.heard = self.factory.now()
        if self.transport is not None and self.state != self.STATE_CLOSED:
            self.transport.resumeProducing()
        self.factory.pool.released()
        if self.subscription is not None:
            self.factory.hub.ready(self.subscription)

    def stopProducing(self) -> None:
        """The connection is gone; `onClose` sees to the rest."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye, if that has not been said; what still comes is not looked at.

        :param reason: at most 123 octets.
        """
        if self.can_send:
            self._text = b""
            # the public `sendClose` is for applications, and takes none of the RFC's own codes but 1000
            self.sendCloseFrame(code, reason.encode())
            if self.origin.held:
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

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """The connection is gone: what it waited for is dropped, what runs ends."""
        self._disable()
        if self._release is not None:
            self._release()
        asked, self._asked = self._asked, None
        for one in list(asked or ()):
            one.cancel()
        self.factory.closed(self, *self._goodbye())

    def _goodbye(self) -> tuple[int | None, str, bool]:
        """The code and the reason of the first Close frame, and whether it was ours."""
        if self.closedByMe:
            ours: bytes | None = self.localCloseReason
            return self.localCloseCode, (ours or b"").decode(), True
        theirs: str | None = self.remoteCloseReason
        return self.remoteCloseCode, theirs or "", False


class JMAPFactory(WebSocketServerFactory):
    """Makes a `JMAPProtocol` for each handshake.

    :param lifetimes: closes connections whose credentials end.
    :param now: tells the time, in seconds.
    :param max_size: octets of the largest message.
    """

    noisy = False

    def __init__(
        self,
        reactor: Any,
        pool: Pool,
        hub: Hub,
        lifetimes: Lifetimes,
        now: Callable[[], float],
        max_size: int,
        ledger: Ledger | None = None,
    ) -> None:
        super().__init__(reactor=reactor, server="jmapd", protocols=[SUBPROTOCOL])
        self.ledger = ledger or Ledger(now)
        self.pool = pool
        self.hub = hub
        self.lifetimes = lifetimes
        self.now = now
        self.max_size = max_size
        self.connections: dict[JMAPProtocol, None] = {}
        self.accepting = True
        self._all_closed: Deferred[None] | None = None
        # a failure is told by a Close frame; pings are the heartbeat's; the handshake was complete before Autobahn saw it
        self.setProtocolOptions(
            failByDrop=False,
            autoPingInterval=0,
            utf8validateIncoming=True,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=CLOSE_TIMEOUT,
        )

    def for_principal(self, principal: Principal, client: str, version: bytes) -> JMAPProtocol:
        """The protocol of a client that is known.

        :param client: the address that it came from.
        :param version: of HTTP, such as ``HTTP/1.1``.
        """
        protocol = JMAPProtocol(principal, client, version.decode())
        protocol.factory = self
        return protocol

    def opened(self, connection: JMAPProtocol) -> None:
        """One connection more."""
        self.connections[connection] = None
        self.ledger.opened(connection, ", ".join(map(str, connection.websocket_extensions_in_use)))
        if not self.accepting:
            connection.close(GOING_AWAY, "the server is stopping")

    def closed(self, connection: JMAPProtocol, code: int | None, reason: str, by_us: bool) -> None:
        """One connection less.

        :param code: of the first Close frame, and its reason.
        :param by_us: whether that was ours.
        """
        if connection in self.connections:
            del self.connections[connection]
            self.ledger.closed(connection, code, reason, by_us)
        if not self.connections and self._all_closed is not None:
            all_closed, self._all_closed = self._all_closed, None
            all_closed.callback(None)

    def finish(self) -> None:
        """Take no further Requests; those that were taken are answered."""
        self.accepting = False

    def close_all(self) -> Deferred[None]:
        """The server is going away: tell every client; fires when all are gone."""
        self.finish()
        closed: Deferred[None] = Deferred()
        if not self.connections:
            closed.callback(None)
            return closed
        self._all_closed = closed
        for connection in list(self.connections):
            connection.close(GOING_AWAY, "the server is stopping")
        return closed
