"""The frames between the front and a worker, and between `jmapctl` and the control socket.

A frame is a 16-octet head (length of the rest, number of the exchange, length of the arguments), the arguments as
JSON and a body of bytes that nobody on the way looks into.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import attrs
import orjson

_HEAD = struct.Struct(">IQI")
HEAD_SIZE = _HEAD.size

MAX_FRAME = 256 * 1024 * 1024
"""Octets of one frame; a longer one means that the peer does not speak this protocol."""


@attrs.frozen
class Frame:
    """One message on a channel.

    :param number: ties an answer to what asked for it.
    :param arguments: small and JSON-ready.
    :param body: bytes.
    """

    number: int
    arguments: dict[str, Any]
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """The frame as it goes over the channel."""
        arguments = orjson.dumps(self.arguments)
        return b"".join(
            (
                _HEAD.pack(len(arguments) + len(self.body), self.number, len(arguments)),
                arguments,
                self.body,
            )
        )


class ChannelBroken(Exception):
    """The peer sent what is no frame."""


@attrs.define
class FrameReader:
    """Bytes in, frames out."""

    _buffer: bytearray = attrs.field(factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete with these bytes.

        :raises ChannelBroken: where the peer does not speak this protocol.
        """
        self._buffer += data
        at = 0
        try:
            while len(self._buffer) - at >= HEAD_SIZE:
                length, number, split = _HEAD.unpack_from(self._buffer, at)
                if length > MAX_FRAME or split > length:
                    raise ChannelBroken("a frame's head is not one")
                start = at + HEAD_SIZE
                if len(self._buffer) - start < length:
                    break
                at = start + length
                with memoryview(self._buffer) as view:
                    arguments = orjson.loads(view[start : start + split])
                    body = bytes(view[start + split : at])
                yield Frame(number, arguments, body)
        finally:
            if at:
                del self._buffer[:at]
