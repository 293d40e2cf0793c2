"""JMAP over WebSocket (RFC 8887): Autobahn's frames, the pool's answers, the hub's pushes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from jmapd.auth.lifetime import Lifetimes
from jmapd.auth.principal import Principal
from jmapd.protocol.errors import RequestError, limit
from jmapd.protocol.subprotocol import (
    Binding,
    PushDisable,
    PushEnable,
    push_message,
    render_error,
)
from jmapd.push.hub import Hub
from jmapd.push.listening import Listening
from jmapd.web.bounds import SocketBounds
from jmapd.web.deflate import Agreement, Compression
from jmapd.web.ledger import Ledger
from jmapd.web.messages import GOING_AWAY, INTERNAL_ERROR, POLICY_VIOLATION, MessageFactory, MessageProtocol
from jmapd.workers.pool import Answer, Origin, Pool

_log = Logger()


class JMAPProtocol(MessageProtocol):
    """One connection.

    :param client: the address that it came from.
    :param version: of HTTP.
    :param agreement: on compression, if there is one.
    :ivar number: the connection's, in the order in which they were opened.
    :ivar opened: when it was, on the factory's clock.
    """

    factory: JMAPFactory

    number = 0
    opened = 0.0

    def __init__(self, principal: Principal, client: str, version: str, agreement: Agreement | None) -> None:
        super().__init__(agreement)
        self.client = client
        self.version = version
        self.origin = Origin(principal)
        self.listening: Listening | None = None
        self._asked: dict[Deferred[Answer], None] | None = None
        self._release: Callable[[], None] | None = None

    @property
    def asked(self) -> int:
        """How many Requests wait or run."""
        return len(self._asked or ())

    def onOpen(self) -> None:
        """The handshake has been answered."""
        super().onOpen()
        self.factory.opened(self)
        self._release = self.factory.lifetimes.hold(self.origin.principal, self._credentials_ended)

    def _credentials_ended(self) -> None:
        """Whoever this is has no right to be here any more."""
        self.close(POLICY_VIOLATION, "your credentials are not valid any more")

    def too_large(self) -> None:
        """A message is larger than a Request may be: an error says so before the Close frame."""
        if self.can_send:
            self.factory.hit("request.max-size")
            error = limit("maxSizeRequest", f"A message may have {self.factory.bounds.max_size} octets.")
            self.send(render_error(error, Binding.WEBSOCKET))
        super().too_large()

    def message_received(self, payload: bytes, binary: bool) -> None:
        """A message has come."""
        try:
            self._message(payload)
        except RequestError as error:
            self.send(render_error(error, Binding.WEBSOCKET))
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
            self.send(answer.body)

    def _cancelled(self, failure: Failure) -> None:
        failure.trap(CancelledError)

    def _failed(self, failure: Failure) -> None:
        _log.failure("a message or its answer failed", failure)
        self.close(INTERNAL_ERROR, "the server met an error of its own")

    def _enable(self, enable: PushEnable) -> None:
        """Register first, then read the past: nothing falls between the two."""
        self._disable()
        factory, user = self.factory, self.origin.principal.user
        self.listening = Listening(
            factory.pool, factory.hub, user, self, enable.data_types, enable.push_state, self._pushes_failed
        )

    def _pushes_failed(self) -> None:
        """Without its pushes the client is better off with another connection."""
        self.close(INTERNAL_ERROR, "the states could not be read")

    def accesses_changed(self) -> None:
        """The user may see other accounts now."""
        if self.listening is not None:
            self.listening.accesses_changed()

    def _disable(self) -> None:
        if self.listening is not None:
            self.listening.stop()
            self.listening = None

    def push(self, message: bytes) -> bool:
        """Send a StateChange, unless the client does not read."""
        if self.held or not self.can_send:
            return False
        self.send(message)
        return True

    def pauseProducing(self) -> None:
        """The client does not read: none of its Requests start either."""
        self.origin.held = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """The client reads again."""
        self.origin.held = False
        super().resumeProducing()
        self.factory.pool.released()
        if self.listening is not None:
            self.listening.ready()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """The connection is gone: what it waited for is dropped, what runs ends."""
        self._disable()
        if self._release is not None:
            self._release()
        asked, self._asked = self._asked, None
        for one in list(asked or ()):
            one.cancel()
        self.factory.closed(self, *self.goodbye())


class JMAPFactory(MessageFactory):
    """Makes a `JMAPProtocol` for each handshake.

    :param lifetimes: closes connections whose credentials end.
    :param now: tells the time, in seconds.
    :param bounds: of each connection.
    :param compression: how messages are compressed; ``None``: they are not.
    """

    def __init__(
        self,
        reactor: Any,
        pool: Pool,
        hub: Hub,
        lifetimes: Lifetimes,
        now: Callable[[], float],
        bounds: SocketBounds,
        ledger: Ledger | None = None,
        compression: Compression | None = None,
    ) -> None:
        self.ledger = ledger or Ledger(now)
        super().__init__(reactor, now, bounds, compression, self.ledger.metrics)
        self.pool = pool
        self.hub = hub
        self.lifetimes = lifetimes
        self.connections: dict[JMAPProtocol, None] = {}
        self.accepting = True
        self._all_closed: Deferred[None] | None = None
        pool.accesses_changed.append(self._accesses_changed)

    def for_principal(
        self, principal: Principal, client: str, version: bytes, agreement: Agreement | None = None
    ) -> JMAPProtocol:
        """The protocol of a client that is known.

        :param client: the address that it came from.
        :param version: of HTTP, such as ``HTTP/1.1``.
        :param agreement: on compression, if there is one.
        """
        protocol = JMAPProtocol(principal, client, version.decode(), agreement)
        protocol.factory = self
        return protocol

    def _accesses_changed(self, user: int) -> None:
        for connection in list(self.connections):
            if connection.origin.principal.user == user:
                connection.accesses_changed()

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
