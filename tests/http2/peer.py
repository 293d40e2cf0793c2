"""A client that speaks HTTP/2: requests and WebSockets as streams of one connection, and frames as it likes."""

from __future__ import annotations

from typing import Any

from h2 import events
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from twisted.internet import reactor, ssl
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS

from tests.web.front import Front
from tests.web.peer import AUTHORIZATION, Peer, Response

Fields = list[tuple[bytes, bytes]]

NAME, _, VALUE = AUTHORIZATION.partition(b": ")
AUTHORIZED: Fields = [(NAME.lower(), VALUE)]


class StreamPeer(Peer):
    """A stream, as the client has it.

    :ivar status: of its answer.
    :ivar informational: the status of each answer before that.
    :ivar ended: whether the server has ended its side.
    :ivar reset: the error code with which it was reset.
    """

    def __init__(self, connection: Client, id: int) -> None:
        super().__init__()
        self.connection = connection
        self.id = id
        self.status = 0
        self.headers: dict[str, str] = {}
        self.informational: list[int] = []
        self.ended = False
        self.reset: int | None = None
        self.taking = True
        self._unsent = bytearray()
        self._untaken = 0
        self._end = False

    def send(self, data: bytes, *, end: bool = False) -> None:
        """Send what the windows let us, now or later."""
        self._unsent += data
        self._end = self._end or end
        self.flush()

    def flush(self) -> None:
        h2 = self.connection.h2
        while self._unsent:
            size = min(len(self._unsent), h2.local_flow_control_window(self.id), h2.max_outbound_frame_size)
            if not size:
                break
            last = self._end and size == len(self._unsent)
            h2.send_data(self.id, bytes(self._unsent[:size]), end_stream=last)
            del self._unsent[:size]
            self._end = self._end and not last
        if self._end and not self._unsent:
            self._end = False
            h2.end_stream(self.id)
        self.connection.flush()

    @property
    def unsent(self) -> int:
        return len(self._unsent)

    def cancel(self) -> None:
        self.connection.h2.reset_stream(self.id, ErrorCodes.CANCEL)
        self.connection.flush()

    def acknowledge(self, size: int) -> None:
        if self.taking:
            self.connection.h2.acknowledge_received_data(size, self.id)
        else:
            self._untaken += size

    def take_all(self) -> None:
        """Let the server send on."""
        self.taking = True
        size, self._untaken = self._untaken, 0
        if size:
            self.acknowledge(size)
            self.connection.flush()

    def over(self) -> None:
        """Nothing more comes."""
        self.lost = True
        self._look()

    async def answered(self) -> int:
        """Wait for the answer's header; its status."""
        await self.until(lambda: bool(self.status))
        return self.status

    async def response(self, *, head: bool = False) -> Response:
        await self.closed()
        return Response(self.status, self.headers, bytes(self.received))


class Client(Peer):
    """An HTTP/2 connection.

    :ivar terminated: the error code of the server's GOAWAY.
    """

    def __init__(self) -> None:
        super().__init__()
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.streams: dict[int, StreamPeer] = {}
        self.terminated: int | None = None
        self.settled = False

    def connectionMade(self) -> None:
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        data = self.h2.data_to_send()
        if data and not self.lost:
            super().send(data)

    def dataReceived(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            self._heard(event)
        if self.terminated is None:
            for stream in list(self.streams.values()):
                if stream.unsent and not stream.lost:
                    stream.flush()
        self.flush()
        self._look()

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        for stream in self.streams.values():
            stream.over()

    def _heard(self, event: Any) -> None:
        if isinstance(event, events.RemoteSettingsChanged):
            self.settled = True
        elif isinstance(event, events.ConnectionTerminated):
            self.terminated = int(event.error_code or 0)
            if not self.terminated:
                # what is open goes on, which h2 would not let it
                self.h2.state_machine.state = ConnectionState.CLIENT_OPEN
        stream = self.streams.get(getattr(event, "stream_id", 0))
        if stream is None:
            return
        if isinstance(event, events.InformationalResponseReceived):
            stream.informational.append(int(dict(event.headers or ())[b":status"]))
            stream._look()
        elif isinstance(event, events.ResponseReceived):
            stream.headers = {name.decode(): value.decode() for name, value in event.headers or ()}
            stream.status = int(stream.headers.pop(":status"))
            stream._look()
        elif isinstance(event, events.DataReceived):
            stream.received += event.data or b""
            stream.acknowledge(event.flow_controlled_length or 0)
            stream._look()
        elif isinstance(event, events.StreamEnded):
            stream.ended = True
            stream.over()
        elif isinstance(event, events.StreamReset):
            stream.reset = int(event.error_code or 0)
            stream.over()

    def begin(self, fields: Fields, *, end: bool = False) -> StreamPeer:
        """Open a stream with just these fields."""
        stream = StreamPeer(self, self.h2.get_next_available_stream_id())
        self.streams[stream.id] = stream
        self.h2.send_headers(stream.id, fields, end_stream=end)
        self.flush()
        return stream

    def ask(
        self, method: str, path: str, *more: tuple[bytes, bytes], end: bool = True, auth: bool = True
    ) -> StreamPeer:
        """Begin a request."""
        fields = [
            (b":method", method.encode()),
            (b":scheme", b"https"),
            (b":path", path.encode()),
            (b":authority", b"localhost"),
            *(AUTHORIZED if auth else ()),
            *more,
        ]
        return self.begin(fields, end=end)

    async def fetch(self, method: str, path: str, body: bytes = b"", *more: tuple[bytes, bytes]) -> Response:
        stream = self.ask(method, path, *more, end=not body)
        if body:
            stream.send(body, end=True)
        return await stream.response()

    def connect_websocket(self, path: str = "/jmap/ws", *more: tuple[bytes, bytes], auth: bool = True) -> StreamPeer:
        """Ask for a WebSocket (RFC 8441)."""
        fields = [
            (b":method", b"CONNECT"),
            (b":protocol", b"websocket"),
            (b":scheme", b"https"),
            (b":path", path.encode()),
            (b":authority", b"localhost"),
            *(AUTHORIZED if auth else ()),
            *more,
        ]
        if not any(name == b"sec-websocket-protocol" for name, _ in more):
            fields.append((b"sec-websocket-protocol", b"jmap"))
        if not any(name == b"sec-websocket-version" for name, _ in more):
            fields.append((b"sec-websocket-version", b"13"))
        return self.begin(fields)

    async def websocket(self, path: str = "/jmap/ws", *more: tuple[bytes, bytes]) -> StreamPeer:
        """Open a WebSocket."""
        stream = self.connect_websocket(path, *more)
        assert await stream.answered() == 200, (stream.status, bytes(stream.received))
        return stream

    async def settings(self) -> dict[int, int]:
        """What the server has said of itself."""
        await self.until(lambda: self.settled)
        remote = self.h2.remote_settings
        return {int(code): remote[code] for code in SettingCodes if code in remote}


async def connect(front: Front) -> Client:
    """A connection that has chosen HTTP/2."""
    address: Any = front.ports[1].getHost()
    options = ssl.CertificateOptions(verify=False, acceptableProtocols=[b"h2", b"http/1.1"])
    endpoint: Any = wrapClientTLS(options, TCP4ClientEndpoint(reactor, "127.0.0.1", address.port))
    client: Client = await connectProtocol(endpoint, Client())
    front.peers.append(client)
    await client.until(lambda: client.settled)
    return client
