"""What carries WebSockets: a TCP connection with TLS or without, and on it HTTP/1.1 (RFC 6455) or HTTP/2 (RFC 8441)."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections import deque
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import attrs
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

from bench.frames import CLOSE, PING, PONG, TEXT, Deflate, Frames, frame

OFFER = "permessage-deflate; client_no_context_takeover; client_max_window_bits"
"""What `--compress` asks for: the windows are then the server's choice."""

PATIENCE = 60.0
"""Seconds for a handshake, of which there may be thousands at once."""

_WINDOW = 16 * 1024 * 1024
_READ = 256 * 1024
_PORT = 443


@attrs.frozen
class Trust:
    """What is trusted in TLS, once for each version of HTTP: what ALPN offers is the context's."""

    http1: ssl.SSLContext
    http2: ssl.SSLContext

    @classmethod
    def of(cls, ca_file: Path) -> Trust:
        """Trust the certificate in a file, or what the system trusts where there is no file."""
        contexts = []
        for protocol in ("http/1.1", "h2"):
            context = ssl.create_default_context(cafile=ca_file if ca_file.is_file() else None)
            context.set_alpn_protocols([protocol])
            contexts.append(context)
        return cls(*contexts)


@attrs.frozen
class Route:
    """Where WebSockets are opened, and as whom.

    :param url: ``wss:`` or ``ws:``.
    :param credentials: the Authorization field; "" for a server that asks for none.
    :param trust: for TLS.
    :param compress: whether to ask for permessage-deflate.
    :param source: the address to come from.
    """

    url: str
    credentials: str = ""
    trust: Trust | None = None
    compress: bool = False
    source: str | None = None

    def fields(self) -> list[tuple[str, str]]:
        """What both handshakes say."""
        found = [("sec-websocket-version", "13"), ("sec-websocket-protocol", "jmap")]
        if self.credentials:
            found.append(("authorization", self.credentials))
        if self.compress:
            found.append(("sec-websocket-extensions", OFFER))
        return found


class Refused(Exception):
    """The server did not open a WebSocket."""


class Wire(asyncio.Protocol):
    """A connection: what is written in one turn of the loop goes out together.

    asyncio's own TLS keeps 256 KiB for each connection; this one keeps what OpenSSL does.

    :ivar ended: called when it is gone.
    """

    def __init__(self, trust: ssl.SSLContext | None, name: str) -> None:
        self.ended: Callable[[], None] = _nothing
        self._heard: Callable[[bytes], None] | None = None
        self._early = b""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = None if trust is None else trust.wrap_bio(self._in, self._out, server_hostname=name)

    @property
    def protocol(self) -> str | None:
        """What was agreed on by ALPN."""
        return None if self._tls is None else self._tls.selected_alpn_protocol()

    def listen(self, heard: Callable[[bytes], None]) -> None:
        """Have something called with what comes, and with what has come already."""
        self._heard = heard
        early, self._early = self._early, b""
        if early:
            heard(early)

    def _hear(self, data: bytes) -> None:
        if self._heard is None:
            self._early += data
        else:
            self._heard(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with TLS."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._tls is None:
            self.ready.set_result(None)
        else:
            self._shake()

    def _shake(self) -> None:
        assert self._tls is not None
        assert self._transport is not None
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            self.ready.set_exception(Refused(str(error)))
            self._transport.close()
        else:
            self.ready.set_result(None)
        finally:
            self._transport.write(self._out.read())

    def data_received(self, data: bytes) -> None:
        """Octets have come."""
        if self._tls is None:
            self._hear(data)
            return
        self._in.write(data)
        if not self.ready.done():
            self._shake()
        if self.ready.done() and not self.ready.exception():
            self._decrypt(self._tls)

    def _decrypt(self, tls: ssl.SSLObject) -> None:
        came = []
        try:
            while data := tls.read(_READ):
                came.append(data)
        except ssl.SSLError:
            # no more for now, or for ever, which `connection_lost` tells
            pass
        if came:
            self._hear(b"".join(came))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if not self.ready.done():
            self.ready.set_exception(Refused("the connection was closed"))
        self._transport = None
        self.ended()

    def write(self, data: bytes) -> None:
        """Send, at the end of this turn."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(data)

    def _flush(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        if self._transport is None or self._transport.is_closing():
            return
        if self._tls is None:
            self._transport.write(data)
        else:
            self._tls.write(data)
            self._transport.write(self._out.read())

    def close(self) -> None:
        """End it, when what was written is out."""
        if self._transport is not None:
            self._flush()
            self._transport.close()


def _nobody(data: bytes) -> None:
    """Nobody listens."""


def _nothing() -> None:
    """Nobody cares."""


class WebSocket:
    """A WebSocket, whatever carries it.

    :ivar heard: called with each message.
    :ivar pings: how many Pings have come; they are answered.
    :ivar open: whether it is.
    :ivar code: of the server's Close frame.
    """

    def __init__(self, write: Callable[[bytes], None], end: Callable[[], None]) -> None:
        self.heard: Callable[[bytes], None] = _nobody
        self.open = False
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.code: int | None = None
        self.pings = 0
        self.write = write
        self._end = end
        self._frames = Frames()
        self._deflate: Deflate | None = None

    def accept(self, extensions: str) -> None:
        """The handshake was answered as it should be."""
        self._deflate = Deflate() if "permessage-deflate" in extensions else None
        self.open = True
        self.answered.set_result(None)

    def refuse(self, why: str) -> None:
        """It was not, or the WebSocket is gone."""
        self.open = False
        if not self.answered.done():
            self.answered.set_exception(Refused(why))

    def framed(self, text: bytes) -> bytes:
        """A message as it goes over this WebSocket."""
        return frame(text) if self._deflate is None else self._deflate.frame(text)

    def send(self, text: bytes) -> None:
        """Send a message."""
        self.write(self.framed(text))

    def feed(self, data: bytes) -> None:
        """Frames have come."""
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT:
                self.heard(payload)
            elif opcode == PING:
                self.pings += 1
                self.write(frame(payload, PONG))
            elif opcode == CLOSE:
                self.open = False
                self.code = int.from_bytes(payload[:2])

    def close(self) -> None:
        """Say goodbye and end it."""
        if self.open:
            self.open = False
            self.write(frame((1000).to_bytes(2), CLOSE))
        self._end()


async def _connect(route: Route, *, http2: bool) -> Wire:
    parts = urlsplit(route.url)
    trust = None
    if parts.scheme == "wss" and route.trust is not None:
        trust = route.trust.http2 if http2 else route.trust.http1
    name = parts.hostname or ""
    source = None if route.source is None else (route.source, 0)
    _, wire = await asyncio.get_running_loop().create_connection(
        lambda: Wire(trust, name), name, parts.port or _PORT, local_addr=source
    )
    await asyncio.wait_for(wire.ready, PATIENCE)
    return wire


async def over_http1(route: Route) -> WebSocket:
    """A WebSocket on a connection of its own.

    :raises Refused: where there is none.
    """
    wire = await _connect(route, http2=False)
    socket = WebSocket(wire.write, wire.close)
    wire.ended = lambda: socket.refuse("the connection was closed")
    answer = bytearray()

    def heard(data: bytes) -> None:
        answer.extend(data)
        head, end, rest = bytes(answer).partition(b"\r\n\r\n")
        if not end:
            return
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines)
        wire.listen(socket.feed)
        if status.split(" ")[1] == "101":
            socket.accept(fields.get("sec-websocket-extensions", ""))
        else:
            socket.refuse(status)
        if rest:
            socket.feed(rest)

    wire.listen(heard)
    parts = urlsplit(route.url)
    key = base64.b64encode(os.urandom(16)).decode()
    fields = [("host", parts.netloc), ("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-key", key)]
    lines = [f"{name}: {value}" for name, value in fields + route.fields()]
    wire.write("\r\n".join([f"GET {parts.path or '/'} HTTP/1.1", *lines, "", ""]).encode())
    await asyncio.wait_for(socket.answered, PATIENCE)
    return socket


class HTTP2:
    """An HTTP/2 connection that carries WebSockets, each on a stream."""

    def __init__(self, route: Route, wire: Wire) -> None:
        self._route = route
        self._wire = wire
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._sockets: dict[int, WebSocket] = {}
        self._unsent: dict[int, bytearray] = {}
        self._flushing = False
        self._offered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ending = 0
        wire.ended = self._ended
        self._h2.local_settings = Settings(client=True, initial_values={SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW})
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW)
        wire.write(self._h2.data_to_send())
        wire.listen(self._heard)

    @classmethod
    async def open(cls, route: Route) -> HTTP2:
        """Connect, and wait until the server says that it takes WebSockets.

        :raises Refused: where it has no HTTP/2.
        """
        wire = await _connect(route, http2=True)
        if wire.protocol != "h2":
            raise Refused("the server has no HTTP/2")
        made = cls(route, wire)
        await asyncio.wait_for(made._offered, PATIENCE)
        return made

    async def socket(self) -> WebSocket:
        """One more WebSocket.

        :raises Refused: where it is not opened.
        """
        id = self._h2.get_next_available_stream_id()
        parts = urlsplit(self._route.url)
        pseudo = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":path", parts.path or "/"),
        ]
        self._h2.send_headers(id, [*pseudo, (":authority", parts.netloc), *self._route.fields()])
        self._unsent[id] = bytearray()
        socket = self._sockets[id] = WebSocket(lambda data: self._write(id, data), lambda: self._end(id))
        self._flush_soon()
        await asyncio.wait_for(socket.answered, PATIENCE)
        return socket

    def _heard(self, data: bytes) -> None:
        for event in self._h2.receive_data(data):
            if isinstance(event, events.DataReceived):
                assert event.stream_id is not None
                assert event.flow_controlled_length is not None
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self._sockets[event.stream_id].feed(event.data or b"")
            elif isinstance(event, events.ResponseReceived):
                self._answered(event)
            elif isinstance(event, events.RemoteSettingsChanged):
                if not self._offered.done():
                    self._offered.set_result(None)
            elif isinstance(event, events.StreamReset):
                self._sockets[event.stream_id or 0].refuse("the stream was reset")
            elif isinstance(event, events.ConnectionTerminated):
                self._ended()
        self._flush_soon()

    def _answered(self, event: events.ResponseReceived) -> None:
        assert event.stream_id is not None
        fields: dict[str, str] = dict(event.headers or ())  # type: ignore[arg-type]  # decoded, as the configuration says
        socket = self._sockets[event.stream_id]
        if fields[":status"] == "200":
            socket.accept(fields.get("sec-websocket-extensions", ""))
        else:
            socket.refuse(fields[":status"])

    def _ended(self) -> None:
        if not self._offered.done():
            self._offered.set_exception(Refused("the connection was closed"))
        for socket in self._sockets.values():
            socket.refuse("the connection was closed")

    def _write(self, id: int, data: bytes) -> None:
        self._unsent[id] += data
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Send what the windows let us: of each stream, all that was said in a turn in as few frames as there can be."""
        self._flushing = False
        for id, unsent in self._unsent.items():
            while unsent:
                size = min(len(unsent), self._h2.local_flow_control_window(id), self._h2.max_outbound_frame_size)
                if size <= 0:
                    break
                self._h2.send_data(id, bytes(unsent[:size]))
                del unsent[:size]
        data = self._h2.data_to_send()
        if data:
            self._wire.write(data)

    def _end(self, id: int) -> None:
        """A WebSocket ends; the last one takes the connection along."""
        self._ending += 1
        if self._ending == len(self._sockets):
            self._flush()
            self._wire.close()


async def open_sockets(route: Route, count: int, *, http2: bool = False, per_connection: int = 100) -> list[WebSocket]:
    """So many WebSockets, a few opened at a time.

    :param per_connection: how many share an HTTP/2 connection.
    """
    todo = deque(range(0, count, per_connection) if http2 else range(count))
    opened: list[WebSocket] = []

    async def lane() -> None:
        while todo:
            start = todo.popleft()
            if not http2:
                opened.append(await over_http1(route))
                continue
            connection = await HTTP2.open(route)
            opened.extend([await connection.socket() for _ in range(min(per_connection, count - start))])

    await asyncio.gather(*(lane() for _ in range(8)))
    return opened
