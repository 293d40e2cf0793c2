"""A client that sees every byte: HTTP/1.1 and WebSocket frames, as they are on the wire."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import attrs
import orjson
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from tests.web.fakes import NAME, PASSWORD

AUTHORIZATION = b"Authorization: Basic " + b64encode(f"{NAME}:{PASSWORD}".encode())
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@attrs.frozen
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        found: dict[str, Any] = orjson.loads(self.body)
        return found


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A client's frame; the mask of zeros leaves the payload as it is."""
    length = len(payload)
    if length < 126:
        header = struct.pack("!BB", fin << 7 | opcode, 0x80 | length)
    elif length < 65_536:
        header = struct.pack("!BBH", fin << 7 | opcode, 0x80 | 126, length)
    else:
        header = struct.pack("!BBQ", fin << 7 | opcode, 0x80 | 127, length)
    return header + bytes(4) + payload


def upgrade(path: str = "/jmap/ws", *more: bytes, but: bytes = b"", authorization: bytes = AUTHORIZATION) -> bytes:
    """A handshake.

    :param more: further header lines.
    :param but: the name of the line to leave out.
    """
    lines = [
        b"Host: localhost",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Key: " + KEY,
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Protocol: jmap",
        authorization,
    ]
    kept = [line for line in lines if line and not (but and line.startswith(but))]
    return b"\r\n".join((b"GET %s HTTP/1.1" % path.encode(), *kept, *more, b"", b""))


class Peer(Protocol):
    """One connection of a client."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost = False
        self._waiting: tuple[Callable[[], bool], Deferred[None]] | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._look()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = True
        self._look()

    def _look(self) -> None:
        if self._waiting is not None and (self.lost or self._waiting[0]()):
            (_, waiting), self._waiting = self._waiting, None
            waiting.callback(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait; the end of the connection ends it too."""
        if self.lost or condition():
            return
        waiting: Deferred[None] = Deferred()
        self._waiting = (condition, waiting)
        await waiting

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    async def closed(self) -> None:
        await self.until(lambda: False)

    def take(self, length: int) -> bytes:
        taken = bytes(self.received[:length])
        del self.received[:length]
        return taken

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and the header of a response."""
        await self.until(lambda: b"\r\n\r\n" in self.received)
        assert b"\r\n\r\n" in self.received, bytes(self.received)
        lines = self.take(self.received.index(b"\r\n\r\n") + 4).decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return int(lines[0].split()[1]), headers

    async def response(self, *, head: bool = False) -> Response:
        status, headers = await self.head()
        length = 0 if head or status < 200 or status in (204, 304) else int(headers["content-length"])
        await self.until(lambda: len(self.received) >= length)
        assert len(self.received) >= length, "the body is incomplete"
        return Response(status, headers, self.take(length))

    async def request(self, method: str, path: str, body: bytes = b"", *headers: bytes, auth: bool = True) -> Response:
        lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: localhost"]
        lines += [AUTHORIZATION] if auth else []
        if body or method == "POST":
            lines.append(b"Content-Length: %d" % len(body))
        self.send(b"\r\n".join((*lines, *headers, b"", b"")) + body)
        return await self.response(head=method == "HEAD")

    async def open(self, path: str = "/jmap/ws", *more: bytes) -> dict[str, str]:
        """Do the handshake; the header of its answer."""
        self.send(upgrade(path, *more))
        status, headers = await self.head()
        assert status == 101, bytes(self.received)
        return headers

    async def next_frame(self) -> tuple[int, bytes]:
        """The opcode and the payload of the next frame."""
        await self.until(lambda: self._frame_length() is not None)
        found = self._frame_length()
        assert found is not None, "the connection ended"
        start, length = found
        whole = self.take(start + length)
        return whole[0] & 15, whole[start:]

    def _frame_length(self) -> tuple[int, int] | None:
        got = self.received
        if len(got) < 2:
            return None
        start, length = 2, got[1]
        if length == 126 and len(got) >= 4:
            start, length = 4, struct.unpack("!H", got[2:4])[0]
        elif length == 127 and len(got) >= 10:
            start, length = 10, struct.unpack("!Q", got[2:10])[0]
        elif length > 125:
            return None
        return (start, length) if len(got) >= start + length else None

    async def message(self) -> dict[str, Any]:
        """The next message, parsed."""
        opcode, payload = await self.next_frame()
        assert opcode == TEXT, (opcode, payload)
        found: dict[str, Any] = orjson.loads(payload)
        return found

    async def close_code(self) -> int:
        """Wait for a Close frame, answer it; its code."""
        opcode, payload = await self.next_frame()
        assert opcode == CLOSE, (opcode, payload)
        self.send(frame(CLOSE, payload[:2]))
        await self.closed()
        code: int = struct.unpack("!H", payload[:2])[0]
        return code

    def say(self, message: dict[str, Any]) -> None:
        self.send(frame(TEXT, orjson.dumps(message)))
