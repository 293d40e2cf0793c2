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
from jmapd.workers.pool import Answer, Origin, Pool, Reply

NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009
INTERNAL_ERROR = 1011

_log = Logger()


@implementer(IPushProducer)
class JMAPProtocol(WebSocketServerProtocol):
    """One connection.

    :ivar heard: when something came from the peer last, on the factory's clock.
    """

    factory: JMAPFactory
    transport: Any

    def __init__(self, principal: Principal) -> None:
        super().__init__()
        self.origin = Origin(principal)
        self.subscription: Subscription | None = None
        self.heard = 0.0
        self.pinged = 0.0
        self._asked: dict[Deferred[Answer], None] = {}
        self._size = 0
        self._pieces: list[bytes] = []
        self._deaf = False

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return bool(self.state == self.STATE_OPEN)

    @is_open.setter
    def is_open(self, value: Any) -> None:
        # Autobahn keeps a future of this name, which nobody here waits for
        pass

    def onConnect(self, request: Any) -> str:
        """The handshake has been checked before."""
        return SUBPROTOCOL

    def onOpen(self) -> None:
        """The handshake has been answered."""
        self.heard = self.pinged = self.factory.now()
        self.factory.connections[self] = None

    def dataReceived(self, data: bytes) -> None:
        """Something has come: the peer lives."""
        self.heard = self.factory.now()
        self._dataReceived(data)

    def onMessageBegin(self, isBinary: bool) -> None:
        """A message begins; one that is not text ends the connection (RFC 8887 section 4.3.1)."""
        self._pieces.clear()
        self._size = 0
        if isBinary and not self._deaf:
            self._close(UNSUPPORTED_DATA, "messages are text")

    def onMessageFrameBegin(self, length: int) -> None:
        """A frame begins: its length is known before its bytes come."""
        self._size += length
        if self._size > self.factory.max_size and not self._deaf:
            error = limit("maxSizeRequest", f"A message may have {self.factory.max_size} octets.")
            self.sendMessage(render_error(error, Binding.WEBSOCKET))
            self._close(MESSAGE_TOO_BIG, "the message is too large")

    def onMessageFrameData(self, payload: bytes) -> None:
        """Bytes of a frame."""
        if not self._deaf:
            self._pieces.append(payload)

    def onMessageFrameEnd(self) -> None:
        """Frames are not told apart."""

    def onMessageEnd(self) -> None:
        """A message is complete."""
        if self._deaf or self.state != self.STATE_OPEN:
            return
        pieces = self._pieces
        text = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        try:
            self._message(text)
        except RequestError as error:
            self.sendMessage(render_error(error, Binding.WEBSOCKET))
        except Exception:
            _log.failure("a message failed")
            self._close(INTERNAL_ERROR, "the server met an error of its own")

    def _message(self, text: bytes) -> None:
        about_pushes = push_message(text)
        if about_pushes is None:
            self._submit(text)
        elif isinstance(about_pushes, PushEnable):
            self._enable(about_pushes)
        elif isinstance(about_pushes, PushDisable):
            self._disable()

    def _submit(self, text: bytes) -> None:
        answer = self.factory.pool.submit(self.origin, text, Binding.WEBSOCKET)
        if not answer.called:
            self._asked[answer] = None
        answer.addCallbacks(self._answered, self._cancelled, callbackArgs=(answer,))
        answer.addErrback(self._broken)

    def _answered(self, answer: Answer, asked: Deferred[Answer]) -> None:
        self._asked.pop(asked, None)
        if self.state == self.STATE_OPEN:
            self.sendMessage(answer.body)

    def _cancelled(self, failure: Failure) -> None:
        failure.trap(CancelledError)

    def _broken(self, failure: Failure) -> None:
        _log.failure("an answer could not be sent", failure)
        self._close(INTERNAL_ERROR, "the server met an error of its own")

    def _enable(self, enable: PushEnable) -> None:
        """Register first, then read the past: nothing falls between the two."""
        self._disable()
        hub = self.factory.hub
        subscription = self.subscription = hub.register(self, enable.data_types)

        def read(reply: Reply) -> None:
            hub.start(subscription, reply.arguments["epoch"], reply.arguments["accounts"], enable.push_state)

        def unread(failure: Failure) -> None:
            hub.remove(subscription)
            if self.subscription is subscription and self.state == self.STATE_OPEN:
                # without its pushes the client is better off with another connection
                self._close(INTERNAL_ERROR, "the states could not be read")

        states = self.factory.pool.perform("states", {"user": self.origin.principal.user})
        states.addCallbacks(read, unread)
        states.addErrback(self._broken)

    def _disable(self) -> None:
        if self.subscription is not None:
            self.factory.hub.remove(self.subscription)
            self.subscription = None

    def push(self, message: bytes) -> bool:
        """Send a StateChange, unless the client does not read."""
        if self.origin.held or self.state != self.STATE_OPEN:
            return False
        self.sendMessage(message)
        return True

    def pauseProducing(self) -> None:
        """The client does not read: it is not read from, and none of its Requests start."""
        self.origin.held = True
        if self.transport is not None:
            self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client reads again."""
        self.origin.held = False
        if self.transport is not None and self.state != self.STATE_CLOSED:
            self.transport.resumeProducing()
        self.factory.pool.released()
        if self.subscription is not None:
            self.factory.hub.ready(self.subscription)

    def stopProducing(self) -> None:
        """The connection is gone; `onClose` sees to the rest."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye; what still comes is not looked at."""
        if self.state == self.STATE_OPEN:
            self._close(code, reason)

    def _close(self, code: int, reason: str) -> None:
        self._deaf = True
        self._pieces.clear()
        self.sendClose(code, reason)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """The connection is gone: what it waited for is dropped, what runs ends."""
        self.factory.connections.pop(self, None)
        self._disable()
        for asked in list(self._asked):
            asked.cancel()
        self._asked.clear()
        if not self.factory.connections and self.factory.all_closed is not None:
            all_closed, self.factory.all_closed = self.factory.all_closed, None
            all_closed.callback(None)


class JMAPFactory(WebSocketServerFactory):
    """Makes a `JMAPProtocol` for each handshake.

    :param now: tells the time, in seconds.
    :param max_size: octets of the largest message.
    """

    noisy = False

    def __init__(self, reactor: Any, pool: Pool, hub: Hub, now: Callable[[], float], max_size: int) -> None:
        super().__init__(reactor=reactor, server="jmapd", protocols=[SUBPROTOCOL])
        self.pool = pool
        self.hub = hub
        self.now = now
        self.max_size = max_size
        self.connections: dict[JMAPProtocol, None] = {}
        self.all_closed: Deferred[None] | None = None
        # a failure is told by a Close frame; pings are the heartbeat's
        self.setProtocolOptions(
            failByDrop=False, autoPingInterval=0, utf8validateIncoming=True, closeHandshakeTimeout=5
        )
        pool.credentials_changed.append(self._credentials_changed)

    def for_principal(self, principal: Principal, address: Any) -> JMAPProtocol:
        """The protocol of a client that is known."""
        protocol = JMAPProtocol(principal)
        protocol.factory = self
        return protocol

    def close_all(self) -> Deferred[None]:
        """The server is going away: tell every client; fires when all are gone."""
        closed: Deferred[None] = Deferred()
        if not self.connections:
            closed.callback(None)
            return closed
        self.all_closed = closed
        for connection in list(self.connections):
            connection.close(GOING_AWAY, "the server is stopping")
        return closed

    def _credentials_changed(self, user: int) -> None:
        for connection in list(self.connections):
            if connection.origin.principal.user == user:
                connection.close(POLICY_VIOLATION, "your credentials have changed")
