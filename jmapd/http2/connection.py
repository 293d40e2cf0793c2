"""An HTTP/2 connection (RFC 9113): octets to and from `h2`, and its events to streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from h2 import events
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import FrameTooLargeError, ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer, ISSLTransport, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from jmapd.http2.exchange import Exchange
from jmapd.http2.frames import Frames
from jmapd.http2.judge import ANSWERED, Judge
from jmapd.http2.sender import Sender
from jmapd.http2.shift import Shift
from jmapd.http2.stream import Stream
from jmapd.web.channel import FIRST_REQUEST, LAST_WORDS, HTTPFactory
from jmapd.web.rates import Flooded
from jmapd.web.request import Request
from jmapd.web.traffic import Traffic

STREAM_WINDOW = 128 * 1024
"""Octets that a client may send on a stream before they are taken."""

CONNECTION_WINDOW = 16 * 1024 * 1024
"""The same for all streams together: more than their sum, so that one that is not taken from does not stop the others."""

ENCODER_TABLE = 4096
"""Octets of the table that answers are compressed with: a client's setting can only make it smaller (RFC 7541 section 4.2)."""

LOOK = 5.0
"""Seconds between two looks at requests that take their time."""

GOODBYE = 5.0
"""Seconds for a client to take the last word of a connection that is at an end."""

_log = Logger()


@implementer(IPushProducer)
class Connection(Protocol, TimeoutMixin):
    """One connection; among those of its `HTTPFactory` it is counted and finished as an HTTP/1.1 one is.

    :param shift: shares out the time; ``None``: there is no other connection.
    :ivar number: the connection's, in the order in which they came.
    :ivar opened: when it was, on the reactor's clock.
    :ivar client: the address that it came from.
    :ivar user: whom its last request that was known acted for.
    """

    transport: Any
    kind = "http2"
    number = 0
    opened = 0.0
    user = ""
    client = ""

    def __init__(self, factory: HTTPFactory, shift: Shift | None = None) -> None:
        self.factory = factory
        self._shift = shift or Shift(factory.site.reactor)
        self.bounds = factory.bounds
        self.now: Callable[[], float] = factory.site.reactor.seconds
        self.traffic = Traffic()
        self.call_later: Callable[..., Any] = factory.site.reactor.callLater
        self._streams: dict[int, Stream] = {}
        self._reading = False
        self._standing = False
        self._pump_call: Any = None
        self._look_call: Any = None
        self._leaving = False
        self._last_chance = False
        self._ended = False
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._h2.decoder.max_header_list_size = ANSWERED * self.bounds.max_header_size
        self._sender = Sender(self._h2, self._streams, self._send)
        self._judge = Judge(self.now, self.bounds, self._streams, lambda: self._h2.highest_inbound_stream_id)
        self._frames = Frames(self._judge)
        self._unread: deque[Iterator[memoryview]] = deque()

    def _local_settings(self, max_streams: int) -> Settings:
        # what is to be in force from the first frame on must be in the settings that `h2` begins with
        return Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: max_streams,
                SettingCodes.MAX_HEADER_LIST_SIZE: self.bounds.max_header_size,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                SettingCodes.ENABLE_CONNECT_PROTOCOL: 1,
            },
        )

    def callLater(self, period: float, function: Any) -> Any:
        """What idle time is measured with."""
        return self.call_later(period, function)

    @property
    def requests(self) -> list[Request]:
        """Those that are under way."""
        found = (stream.request for stream in self._streams.values())
        return [request for request in found if request is not None]

    @property
    def unsent(self) -> int:
        """Octets that wait in streams."""
        return self._sender.unsent

    def queued(self, octets: int) -> None:
        """A stream has more to send, or less."""
        self._sender.unsent += octets

    def connectionMade(self) -> None:
        """Say our settings."""
        self.factory.came(self)
        self.transport.registerProducer(self, True)
        if ITCPTransport.providedBy(self.transport):
            # what is said in one turn goes out together already
            self.transport.setTcpNoDelay(True)
        self._h2.local_settings = self._local_settings(self.bounds.max_streams)
        self._h2.initiate_connection()
        # a stream too many is refused by itself, where `h2` would end the connection
        self._h2.local_settings = self._local_settings(2 * self.bounds.max_streams)
        self._h2.increment_flow_control_window(CONNECTION_WINDOW - self._h2.inbound_flow_control_window)
        self._sender.write()
        self.setTimeout(self.bounds.header_timeout)
        if self.factory.finishing:
            self.close_when_answered()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, and all its streams with it."""
        self._ended = True
        self.setTimeout(None)
        self._drop()
        self.factory.gone(self)

    def _drop(self) -> None:
        """All streams are gone."""
        for call in (self._pump_call, self._look_call):
            if call is not None:
                call.cancel()
        self._pump_call = self._look_call = None
        if self._standing:
            self._standing = False
            self._shift.leave(self._read_later)
        self._unread.clear()
        streams = list(self._streams.values())
        self._streams.clear()
        self._sender.clear()
        for stream in streams:
            stream.lost(Failure(ConnectionLost()))

    def dataReceived(self, data: bytes) -> None:
        """Octets have come."""
        self.traffic.bytes_in += len(data)
        if self._ended:
            # a goodbye has its time, whatever still comes
            return
        self._unread.append(self._frames.cut(data))
        if self._standing:
            return
        if self._shift.is_busy:
            self._stand_behind()
        else:
            self._read_on()

    def _stand_behind(self) -> None:
        """Read nothing more until this is worked on."""
        self._standing = True
        self._shift.stand_behind(self._read_later)
        self.transport.pauseProducing()

    def _read_later(self) -> None:
        """It is this connection's turn again."""
        self._standing = False
        self._read_on()
        if not self._standing and not self._sender.held:
            self.transport.resumeProducing()

    def _read_on(self) -> None:
        """Work on what has come; on the rest of it later, if that is much work."""
        self._reading = True
        try:
            self._read(self._shift.until())
        except Flooded as flooded:
            self._flooded(flooded)
        except FrameTooLargeError as error:
            self.goodbye(error.error_code)
        except ProtocolError as error:
            # `h2` has prepared the GOAWAY
            _log.debug("HTTP/2: {error}", error=error)
            self._end()
        except Exception:
            _log.failure("an HTTP/2 connection failed")
            self.goodbye(ErrorCodes.INTERNAL_ERROR)
        finally:
            self._reading = False
        self._pump()

    def _read(self, until: float) -> None:
        # a GOAWAY of the client's has `h2` drop what it has prepared
        self._sender.write()
        while self._unread:
            for piece in self._unread[0]:
                for event in self._h2.receive_data(piece):
                    self._EVENTS.get(type(event), Connection._nothing)(self, event)
                if self._ended:
                    return
                if self.now() >= until:
                    self._stand_behind()
                    return
            self._unread.popleft()

    def goodbye(self, error: ErrorCodes) -> None:
        """End the connection at once, and say why."""
        if not self._ended:
            self._h2.close_connection(error_code=error)
            self._end()

    def _end(self) -> None:
        """Nothing more is heard or said but what has been prepared."""
        self._ended = True
        self._sender.write()
        self._drop()
        # the client's own goodbye would not be heard else
        self.transport.resumeProducing()
        # a producer would have the transport wait for more
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self.setTimeout(GOODBYE)

    def _request_received(self, event: events.RequestReceived) -> None:
        assert event.stream_id is not None
        if self._leaving:
            self._judge.reset()
            self.reset(event.stream_id, ErrorCodes.REFUSED_STREAM)
            return
        if len(self._streams) >= self.bounds.max_streams:
            self.factory.metrics.hit("max-streams")
            self.reset(event.stream_id, ErrorCodes.REFUSED_STREAM)
            self._judge.reset()
            return
        self.setTimeout(None)
        self._look_call = self._look_call or self.call_later(LOOK, self._look)
        self.traffic.messages_in += 1
        stream = self._streams[event.stream_id] = Stream(self, event.stream_id)
        stream.ended = event.stream_ended is not None
        exchange = Exchange(stream, self.factory.site, self.bounds)
        stream.take(exchange)
        self._judge.earn(sum(len(name) + len(value) for name, value in event.headers or ()))
        try:
            exchange.begin(event.headers or (), stream.ended)
        except Exception:
            _log.failure("a request could not be begun")
            stream.abort()
        # a goodbye before the answer would have some clients hear no more of it
        self._leaving = self._last_chance

    def _data_received(self, event: events.DataReceived) -> None:
        assert event.stream_id is not None
        assert event.flow_controlled_length is not None
        data = event.data or b""
        if not data:
            self._judge.bare()
        stream = self._streams.get(event.stream_id)
        if stream is None:
            self.acknowledge(event.stream_id, event.flow_controlled_length)
        else:
            stream.data_received(data, event.flow_controlled_length)

    def _stream_ended(self, event: events.StreamEnded) -> None:
        stream = self._streams.get(event.stream_id or 0)
        if stream is not None:
            stream.end_received()

    def _stream_reset(self, event: events.StreamReset) -> None:
        """A stream was reset, by the client (CVE-2023-44487) or by `h2` over what the client did (CVE-2025-8671)."""
        if not event.remote_reset:
            self._judge.reset()
        stream = self._streams.get(event.stream_id or 0)
        if stream is not None:
            stream.leave(Failure(ConnectionLost()))

    def _window_updated(self, event: events.WindowUpdated) -> None:
        if event.stream_id:
            stream = self._streams.get(event.stream_id)
            if stream is not None:
                self._sender.ready(stream)
        else:
            self._sender.all_ready()

    def _settings_changed(self, event: events.RemoteSettingsChanged) -> None:
        for code in event.changed_settings:
            if not isinstance(code, SettingCodes):
                # there are 65,536 of them to be kept
                del self._h2.remote_settings[code]
        encoder = self._h2.encoder
        encoder.header_table_size = min(encoder.header_table_size, ENCODER_TABLE)
        # RFC 7541 section 4.2: the client is told of the smallest size and of the last one, of none between
        encoder.table_size_changes = [size for size in encoder.table_size_changes if size <= ENCODER_TABLE]
        # a window may have become larger
        self._sender.all_ready()

    def _settings_acknowledged(self, event: events.SettingsAcknowledged) -> None:
        # `h2` now holds the client to what we advise
        self._h2.decoder.max_header_list_size = ANSWERED * self.bounds.max_header_size

    def _terminated(self, event: events.ConnectionTerminated) -> None:
        """The client opens no more streams; those that are open go on, which `h2` would not let them."""
        self._leaving = True
        self._h2.state_machine.state = ConnectionState.CLIENT_OPEN
        if not self._streams:
            self._end()

    def _nothing(self, event: Any) -> None:
        """What asks nothing of us, or what a stream hears by other events."""

    _EVENTS: ClassVar[dict[type, Callable[[Connection, Any], None]]] = {
        events.RequestReceived: _request_received,
        events.DataReceived: _data_received,
        events.StreamEnded: _stream_ended,
        events.StreamReset: _stream_reset,
        events.WindowUpdated: _window_updated,
        events.RemoteSettingsChanged: _settings_changed,
        events.SettingsAcknowledged: _settings_acknowledged,
        events.ConnectionTerminated: _terminated,
    }

    def wants_to_send(self, stream: Stream) -> None:
        """A stream has something to send; what is said in one turn of the reactor goes out together."""
        self._sender.ready(stream)
        self._pump_soon()

    def _pump_soon(self) -> None:
        if not self._reading and not self._ended and self._pump_call is None:
            self._pump_call = self.call_later(0, self._pump_now)

    def _pump_now(self) -> None:
        self._pump_call = None
        self._pump()

    def _pump(self) -> None:
        """Send what can be sent."""
        if self._ended:
            return
        try:
            self._sender.pump()
        except Flooded as flooded:
            self._flooded(flooded)

    def _flooded(self, flooded: Flooded) -> None:
        self.factory.metrics.hit(flooded.bound)
        self.goodbye(ErrorCodes.ENHANCE_YOUR_CALM)

    def _send(self, data: bytes) -> None:
        self.traffic.bytes_out += len(data)
        self.transport.write(data)

    def send_headers(self, id: int, fields: list[tuple[bytes, bytes]]) -> None:
        """Send the header of an answer."""
        try:
            self._h2.send_headers(id, fields)
        except ProtocolError:
            return
        self._pump_soon()

    def send_data(self, id: int, data: bytes, last: bool) -> None:
        """Send content, for which there is room in the windows.

        :raises ProtocolError: where the stream has been reset.
        """
        self._h2.send_data(id, data, end_stream=last)
        self._judge.earn(len(data))

    def acknowledge(self, id: int, size: int) -> None:
        """Content has been taken, and may be followed by as much."""
        if size and not self._ended:
            try:
                self._h2.acknowledge_received_data(size, id)
            except ProtocolError:
                return
            self._pump_soon()

    def reset(self, id: int, error: ErrorCodes) -> None:
        """End a stream on both sides."""
        if self._ended:
            return
        try:
            self._h2.reset_stream(id, error_code=error)
        except ProtocolError:
            return
        self._pump_soon()

    def forget(self, stream: Stream) -> None:
        """A stream is over."""
        if self._streams.pop(stream.id, None) is None:
            return
        self._sender.forget(stream)
        self.traffic.messages_out += 1
        if not self._streams and not self._ended:
            self._rest()

    def _rest(self) -> None:
        """No stream is open."""
        if self._leaving:
            self.call_later(0, self._leave)
        else:
            self.setTimeout(self.bounds.idle_timeout)

    def _leave(self) -> None:
        if not self._ended and not self._streams:
            self._pump()
            if self._last_chance:
                self.goodbye(ErrorCodes.NO_ERROR)
            else:
                self._end()
            self.setTimeout(LAST_WORDS if self.factory.finishing else GOODBYE)

    def close_when_answered(self) -> None:
        """Take no further streams, and end the connection when those that are open are over.

        A client that has asked nothing yet may do so once.
        """
        if self._ended or self._leaving:
            return
        if not self._h2.highest_inbound_stream_id:
            self._last_chance = True
            self.setTimeout(FIRST_REQUEST)
            return
        self._leaving = True
        # by itself: after its own one `h2` sends nothing more
        frame = GoAwayFrame(0, last_stream_id=self._h2.highest_inbound_stream_id, error_code=ErrorCodes.NO_ERROR)
        self._sender.write()
        self.transport.write(frame.serialize())
        if not self._streams:
            self._leave()

    def abort(self) -> None:
        """End the connection now."""
        self.transport.abortConnection()

    def timeoutConnection(self) -> None:
        """Nothing is asked of us for long, or the end takes too long."""
        if self._ended:
            self.transport.abortConnection()
            return
        if not self._last_chance:
            self.factory.metrics.hit("idle-timeout" if self._h2.highest_inbound_stream_id else "header-timeout")
        self.goodbye(ErrorCodes.NO_ERROR)

    def _look(self) -> None:
        """Look at the requests that are under way; tunnels have their heartbeat."""
        self._look_call = None
        now = self.now()
        for stream in list(self._streams.values()):
            stream.look(now)
        if any(stream.request is not None for stream in self._streams.values()):
            self._look_call = self.call_later(LOOK, self._look)
        self._pump_soon()

    def pauseProducing(self) -> None:
        """The client does not read from the connection: nothing more is written to it, nor read from it."""
        self._sender.held = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client reads again."""
        self._sender.held = False
        if not self._standing:
            self.transport.resumeProducing()
        self._sender.all_ready()
        self._pump_soon()

    def stopProducing(self) -> None:
        """The connection is gone; `connectionLost` sees to the rest."""

    def getPeer(self) -> Any:
        """The address of the client."""
        return self.transport.getPeer()

    def getHost(self) -> Any:
        """Our own address."""
        return self.transport.getHost()

    def isSecure(self) -> bool:
        """Whether there is TLS below."""
        return bool(ISSLTransport.providedBy(self.transport))
