"""Lets a WebSocket client that speaks HTTP/1.1 reach a server over HTTP/2 (RFC 8441), on loopback.

Each of its connections becomes a stream of one HTTP/2 connection. There is never a second one: a server that drops it
has let one WebSocket's fault end all others, and so the bridge ends too, with status 1. It prints its port, and ends
with status 0 when its input does.

    python -m compliance.bridge PORT_WITH_TLS
"""

from __future__ import annotations

import base64
import hashlib
import sys
from typing import Any

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from twisted.internet import reactor, ssl
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure

Fields = list[tuple[bytes, bytes]]

_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 section 1.3."""

_OF_HTTP1 = frozenset((b"host", b"upgrade", b"connection", b"sec-websocket-key"))
"""What an extended CONNECT has not, or has otherwise."""

WINDOW = 16 * 1024 * 1024
"""Octets that may be on their way from the server, on the connection and on each stream."""


class Upstream(Protocol):
    """The connection to the server, which is made when it is wanted first."""

    def __init__(self, endpoint: Any) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._sockets: dict[int, Socket] = {}
        self._endpoint = endpoint
        self._settled = False
        self._waiting: list[Socket] = []

    def want(self, socket: Socket) -> None:
        """Have a socket ask for its stream, when the server has said that it takes WebSockets."""
        if self._settled:
            socket.ask()
            return
        self._waiting.append(socket)
        if len(self._waiting) == 1:
            # a server does not wait for long for what a connection is made for
            connectProtocol(self._endpoint, self).addErrback(lambda failure: _end(str(failure.value)))

    def connectionMade(self) -> None:
        """TLS comes first, by itself."""
        _at_once(self.transport)
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(WINDOW)
        self.flush()

    def open(self, socket: Socket, fields: Fields) -> int:
        """A stream for a socket; its number."""
        id = self.h2.get_next_available_stream_id()
        self._sockets[id] = socket
        self.h2.send_headers(id, fields)
        self.flush()
        return id

    def forget(self, id: int) -> None:
        """A stream is over."""
        self._sockets.pop(id, None)

    def flush(self) -> None:
        """Send what `h2` has prepared."""
        data = self.h2.data_to_send()
        if data and self.transport is not None:
            self.transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        """Something has come."""
        for event in self.h2.receive_data(data):
            self._heard(event)
        self.flush()

    def _heard(self, event: Any) -> None:
        if isinstance(event, events.RemoteSettingsChanged):
            self._may_begin()
        elif isinstance(event, events.WindowUpdated):
            for each in list(self._sockets.values()):
                each.pump()
        elif isinstance(event, events.ConnectionTerminated):
            _end(f"the server has ended the HTTP/2 connection with error {event.error_code}")
        socket = self._sockets.get(getattr(event, "stream_id", 0))
        if isinstance(event, events.DataReceived) and event.flow_controlled_length:
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if socket is not None:
            socket.heard(event)

    def _may_begin(self) -> None:
        if not self.h2.remote_settings.enable_connect_protocol:
            _end("the server takes no WebSockets over HTTP/2")
            return
        self._settled = True
        waiting, self._waiting = self._waiting, []
        for socket in waiting:
            socket.ask()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The server is gone."""
        _end("the HTTP/2 connection is lost")


class Socket(Protocol):
    """A client's connection and its stream."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._id = 0
        self._key = b""
        self._head: bytes | None = b""
        self._lines: list[bytes] = []
        self._unsent = bytearray()
        self._open = False
        self._ended = False

    def connectionMade(self) -> None:
        """The client speaks first."""
        _at_once(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """The client's handshake, and then its frames."""
        if self._head is None:
            self._unsent += data
            self.pump()
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if end:
            self._head = None
            self._lines = head.split(b"\r\n")
            self._unsent += rest
            self._upstream.want(self)

    def ask(self) -> None:
        """Ask the server for a WebSocket, as the client has."""
        request, *lines = self._lines
        pairs = [line.partition(b":") for line in lines]
        fields = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
        self._key = dict(fields)[b"sec-websocket-key"]
        asked = [
            (b":method", b"CONNECT"),
            (b":protocol", b"websocket"),
            (b":scheme", b"https"),
            (b":path", request.split(b" ")[1]),
            (b":authority", dict(fields)[b"host"]),
        ]
        self._id = self._upstream.open(self, asked + [field for field in fields if field[0] not in _OF_HTTP1])

    def heard(self, event: Any) -> None:
        """Something of the stream."""
        assert self.transport is not None
        if isinstance(event, events.ResponseReceived):
            self._answered(dict(event.headers or ()))
        elif isinstance(event, events.DataReceived):
            self.transport.write(event.data or b"")
        elif isinstance(event, events.StreamEnded):
            self.transport.loseConnection()
        elif isinstance(event, events.StreamReset):
            self._gone()
            self.transport.abortConnection()  # type: ignore[attr-defined]  # it is TCP's

    def _answered(self, fields: dict[bytes, bytes]) -> None:
        status = fields.pop(b":status")
        lines = [b"%s: %s" % field for field in fields.items()]
        if status == b"200":
            accept = base64.b64encode(hashlib.sha1(self._key + _ACCEPT, usedforsecurity=False).digest())
            upgrade = [b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + accept]
            lines = [b"HTTP/1.1 101 Switching Protocols", *upgrade, *lines]
        else:
            lines = [b"HTTP/1.1 %s No" % status, *lines]
        assert self.transport is not None
        self.transport.write(b"\r\n".join((*lines, b"", b"")))
        self._open = status == b"200"
        self.pump()

    def pump(self) -> None:
        """Send what the windows let us."""
        h2 = self._upstream.h2
        while self._open and self._unsent:
            size = min(len(self._unsent), h2.local_flow_control_window(self._id), h2.max_outbound_frame_size)
            if not size:
                break
            h2.send_data(self._id, bytes(self._unsent[:size]))
            del self._unsent[:size]
        if self._open and self._ended and not self._unsent:
            h2.end_stream(self._id)
            self._gone()
        self._upstream.flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client has closed its connection (RFC 8441 section 5: as a stream ends, or is reset)."""
        if reason.check(ConnectionDone):
            self._ended = True
            self.pump()
        elif self._open:
            self._upstream.h2.reset_stream(self._id, ErrorCodes.CANCEL)
            self._gone()
            self._upstream.flush()

    def _gone(self) -> None:
        self._open = False
        self._upstream.forget(self._id)


class _Sockets(Factory):
    noisy = False

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def buildProtocol(self, addr: Any) -> Socket:
        return Socket(self._upstream)


class _EndOfInput(Protocol):
    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Whoever has started the bridge is done with it."""
        _end("")


def _at_once(transport: Any) -> None:
    """Have TCP send what is written without waiting for more: the suite waits for each of its messages."""
    transport.setTcpNoDelay(True)


_said: list[str] = []


def _end(why: str) -> None:
    """Stop, for the first reason there is; "" where all is well."""
    _said.append(why)
    if len(_said) == 1:
        _reactor().stop()


def _reactor() -> Any:
    """Twisted's module has no types."""
    return reactor


def main() -> None:
    """Carry connections until the input ends."""
    options = ssl.CertificateOptions(verify=False, acceptableProtocols=[b"h2"])
    server: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", int(sys.argv[1]))
    upstream = Upstream(wrapClientTLS(options, server))
    port = _reactor().listenTCP(0, _Sockets(upstream), interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    StandardIO(_EndOfInput())
    _reactor().run()
    if _said[0]:
        sys.exit(f"compliance.bridge: {_said[0]}")


if __name__ == "__main__":
    main()
