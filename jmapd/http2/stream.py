"""One stream of an HTTP/2 connection: what a request is answered on, as an HTTP/1.1 channel would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from h2.errors import ErrorCodes
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IConsumer, IProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from zope.interface import implementer

from jmapd.http2.tunnel import Tunnel
from jmapd.web.pace import Pace
from jmapd.web.request import Request

if TYPE_CHECKING:
    from jmapd.http2.connection import Connection

HIGH_MARK = 64 * 1024
"""Octets that wait to be sent, at which a producer is asked to pause."""

LOW_MARK = 16 * 1024

HALF_CLOSED = 5.0
"""Seconds for the client to end a stream that we have ended."""

_NOT_IN_HTTP2 = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))

_log = Logger()


class Taker(Protocol):
    """Takes what comes on a stream."""

    @property
    def request(self) -> Request | None:
        """The request, where it is one."""

    def look(self, now: float) -> None:
        """Some time has gone by."""

    def data_received(self, data: bytes) -> None:
        """Content has come."""

    def end_received(self) -> None:
        """There will be no more of it."""

    def lost(self, reason: Failure) -> None:
        """The stream is gone."""


@implementer(IConsumer)
class Stream:
    """A stream, from its header to its end on both sides.

    :ivar id: its number on the connection.
    :ivar ended: whether the client has said that nothing more comes.
    :ivar pace: of a request's body, while it comes.
    :ivar reserved: whether what comes is for a tunnel that is not there yet.
    :ivar moved: when something was sent last, or began to wait.
    """

    lingers = False
    transport = None

    def __init__(self, connection: Connection, id: int) -> None:
        self._connection = connection
        self.id = id
        self.factory = connection.factory
        self.ended = False
        self.pace: Pace | None = None
        self.reserved = False
        self.moved = 0.0
        self._taker: Taker | None = None
        self._out = bytearray()
        self._finishing = False
        self._finished = False
        self._gone = False
        self._came: list[tuple[bytes, int]] = []
        self._paused = False
        self._end_waits = False
        self._producer: Any = None
        self._producer_paused = False
        self._half_closed: Any = None

    @property
    def user(self) -> str:
        """Whom its request acts for."""
        return self._connection.user

    @user.setter
    def user(self, name: str) -> None:
        self._connection.user = name

    @property
    def unsent(self) -> int:
        """How much waits to be sent."""
        return len(self._out)

    @property
    def wants_to_send(self) -> bool:
        """Whether there is anything left to be sent."""
        return bool(self._out) or (self._finishing and not self._finished)

    @property
    def request(self) -> Request | None:
        """The request, if that is what is on it."""
        return None if self._taker is None else self._taker.request

    def take(self, taker: Taker) -> None:
        """Give what comes to somebody."""
        self._taker = taker

    def data_received(self, data: bytes, flow_controlled: int) -> None:
        """Content has come.

        :param flow_controlled: the octets of the window that it takes.
        """
        if self.pace is not None:
            self.pace.came += len(data)
        if self._paused or self._came:
            self._came.append((data, flow_controlled))
        else:
            self._connection.acknowledge(self.id, flow_controlled)
            self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        """Hand on content; what goes wrong over it is this stream's matter alone."""
        try:
            if self._taker is not None and data:
                self._taker.data_received(data)
        except Exception:
            _log.failure("a stream failed")
            self.abort()

    def end_received(self) -> None:
        """The client has ended its side."""
        self.ended = True
        if self._paused or self._came:
            self._end_waits = True
        elif self._taker is not None:
            self._taker.end_received()
        if self._finished:
            self.leave(Failure(ConnectionDone()))

    def lost(self, reason: Failure) -> None:
        """The stream was reset, or its connection is gone."""
        self._gone = True
        if self._half_closed is not None:
            self._half_closed.cancel()
            self._half_closed = None
        # what was not taken would be missing from the connection's window for ever
        self._connection.acknowledge(self.id, sum(size for _, size in self._came))
        self._came.clear()
        self._connection.queued(-len(self._out))
        self._out.clear()
        producer, self._producer = self._producer, None
        taker, self._taker = self._taker, None
        if producer is not None:
            producer.stopProducing()
        if taker is not None:
            taker.lost(reason)

    def leave(self, reason: Failure) -> None:
        """It is over on both sides."""
        if not self._gone:
            self._connection.forget(self)
            self.lost(reason)

    def reset(self, error: ErrorCodes) -> None:
        """End it on both sides, now."""
        if not self._gone:
            self._connection.reset(self.id, error)
            self.leave(Failure(ConnectionAborted()))

    def look(self, now: float) -> None:
        """Some time has gone by."""
        if self._taker is not None:
            self._taker.look(now)

    def pause(self) -> None:
        """Take nothing more for now; the client may send as much as the window lets it."""
        self._paused = True
        if self.pace is not None:
            self.pace.pause(self._connection.now())

    def resume(self) -> None:
        """Take what has come meanwhile, and go on."""
        if self.reserved:
            return
        self._paused = False
        if self.pace is not None:
            self.pace.resume(self._connection.now())
        while self._came and not self._paused:
            data, size = self._came.pop(0)
            self._connection.acknowledge(self.id, size)
            self._deliver(data)
        if self._end_waits and not self._came and not self._paused:
            self._end_waits = False
            if self._taker is not None:
                self._taker.end_received()

    def send_continue(self) -> None:
        """Tell the client to send the body."""
        self._connection.send_headers(self.id, [(b":status", b"100")])

    def answered_early(self, request: Request) -> None:
        """The stream is reset behind the answer, for nobody reads the body that still comes."""

    def abort(self) -> None:
        """End it as something that failed."""
        self.reset(ErrorCodes.INTERNAL_ERROR)

    def hand_over(self, successor: IProtocol) -> tuple[Tunnel, bytes]:
        """Make it a tunnel (RFC 8441 section 5)."""
        tunnel = Tunnel(self, successor)
        self._taker = tunnel
        self.reserved = False
        return tunnel, b""

    def getPeer(self) -> Any:
        """The address of the client."""
        return self._connection.getPeer()

    def getHost(self) -> Any:
        """Our own address."""
        return self._connection.getHost()

    def isSecure(self) -> bool:
        """Whether there is TLS below."""
        return self._connection.isSecure()

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """Begin the answer."""
        fields = [(b":status", code)]
        for name, values in headers.getAllRawHeaders():
            lower = name.lower()
            if lower not in _NOT_IN_HTTP2:
                fields.extend((lower, value) for value in values)
        self._connection.send_headers(self.id, fields)

    def write(self, data: bytes) -> None:
        """Send content."""
        if self._gone or self._finishing:
            return
        if not self._out:
            self.moved = self._connection.now()
        self._out += data
        self._connection.queued(len(data))
        self._connection.wants_to_send(self)
        self._look_at_marks()

    def writeSequence(self, pieces: Any) -> None:
        """Send content."""
        self.write(b"".join(pieces))

    def requestDone(self, request: Request) -> None:
        """The answer is complete."""
        self.finish()

    def finish(self) -> None:
        """End our side when all is sent."""
        if not self._gone and not self._finishing:
            if not self._out:
                self.moved = self._connection.now()
            self._finishing = True
            self._connection.wants_to_send(self)

    def loseConnection(self) -> None:
        """What Twisted calls it."""
        self.finish()

    def send_frame(self, window: int) -> int:
        """Send one frame's worth of what waits.

        :param window: octets that the client lets us send, and that fit into a frame.
        :returns: how many were sent; 0 where nothing can be sent before the window opens.
        """
        size = min(len(self._out), window)
        last = self._finishing and size == len(self._out)
        if self._finished or (not size and not last):
            return 0
        with memoryview(self._out) as whole:
            data = bytes(whole[:size])
        self._connection.send_data(self.id, data, last)
        del self._out[:size]
        self._connection.queued(-size)
        self.moved = self._connection.now()
        if last:
            self._finished = True
            self._our_side_ended()
        else:
            self._look_at_marks()
        return size

    def _our_side_ended(self) -> None:
        if self.ended and not self._end_waits:
            self.leave(Failure(ConnectionDone()))
        elif self.request is not None:
            # RFC 9113 section 8.1: the answer is whole, the rest of the body is not wanted
            self.reset(ErrorCodes.NO_ERROR)
        else:
            self._half_closed = self._connection.call_later(HALF_CLOSED, self._not_ended)

    def _not_ended(self) -> None:
        self._half_closed = None
        self.reset(ErrorCodes.CANCEL)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Tell a producer when to pause and when to go on.

        :param streaming: true; our own producers push.
        """
        self._producer, self._producer_paused = producer, False
        if self._gone:
            producer.stopProducing()
        else:
            self._look_at_marks()

    def unregisterProducer(self) -> None:
        """The producer is done."""
        self._producer = None

    def _look_at_marks(self) -> None:
        if self._producer is None:
            return
        if not self._producer_paused and len(self._out) >= HIGH_MARK:
            self._producer_paused = True
            self._producer.pauseProducing()
        elif self._producer_paused and len(self._out) <= LOW_MARK:
            self._producer_paused = False
            self._producer.resumeProducing()
