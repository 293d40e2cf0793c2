"""WebSocket frames as a client sends and reads them (RFC 6455, RFC 7692), without I/O."""

from __future__ import annotations

import os
import struct
import zlib

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

_FIN, _COMPRESSED, _MASKED = 0x80, 0x40, 0x80
_TAIL = b"\x00\x00\xff\xff"


def frame(payload: bytes, opcode: int = TEXT, *, compressed: bool = False, final: bool = True) -> bytes:
    """A frame, masked."""
    first = opcode | (_FIN if final else 0) | (_COMPRESSED if compressed else 0)
    size = len(payload)
    if size < 126:
        head = bytes((first, _MASKED | size))
    elif size < 65_536:
        head = struct.pack(">BBH", first, _MASKED | 126, size)
    else:
        head = struct.pack(">BBQ", first, _MASKED | 127, size)
    mask = os.urandom(4)
    pattern = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload) ^ int.from_bytes(pattern)
    return head + mask + masked.to_bytes(size)


class Frames:
    """Octets in, messages and control frames out; the server's, which are not masked."""

    def __init__(self) -> None:
        self._left = b""
        self._text = b""
        self._compressed = False
        self._inflate = zlib.decompressobj(wbits=-15)

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """What is complete with these octets: for each its opcode and payload."""
        data = self._left + data if self._left else data
        found: list[tuple[int, bytes]] = []
        at = 0
        while True:
            start, size = _size(data, at)
            if start == 0 or len(data) - start < size:
                break
            first, payload = data[at], data[start : start + size]
            at = start + size
            if first & 0x08:
                found.append((first & 0x0F, payload))
                continue
            if first & 0x0F:
                self._compressed = bool(first & _COMPRESSED)
            self._text = self._text + payload if self._text else payload
            if first & _FIN:
                text, self._text = self._text, b""
                found.append((TEXT, self._inflate.decompress(text + _TAIL) if self._compressed else text))
        self._left = data[at:]
        return found


def _size(data: bytes, at: int) -> tuple[int, int]:
    """Where a frame's payload begins and how long it is; 0 where that has not come yet."""
    if len(data) - at < 2:
        return 0, 0
    size = data[at + 1]
    if size < 126:
        return at + 2, size
    length = 2 if size == 126 else 8
    if len(data) - at < 2 + length:
        return 0, 0
    return at + 2 + length, int.from_bytes(data[at + 2 : at + 2 + length])


class Deflate:
    """Compresses messages, each by itself, so that a socket that says nothing keeps nothing."""

    def frame(self, payload: bytes) -> bytes:
        """A message's frame."""
        maker = zlib.compressobj(wbits=-15)
        packed = maker.compress(payload) + maker.flush(zlib.Z_SYNC_FLUSH)
        return frame(packed.removesuffix(_TAIL), compressed=True)
