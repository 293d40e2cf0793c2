"""Where HTTP/2 frames begin and end (RFC 9113 section 4.1), seen before `h2` has to do with them.

`h2` keeps a frame of 16 MiB until it is complete, whatever it was told, hears of a batch only when all of it is done,
and says nothing of many frames that it answers or drops. So it is given one frame at a time, and only what was judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum

import attrs

HEADER = 9
"""Octets of a frame's header."""

LARGEST = 16 * 1024
"""Octets of the largest frame: SETTINGS_MAX_FRAME_SIZE as it is where nothing is said of it."""

PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
"""Octets before the first frame; `h2` looks what they are."""


class Type(IntEnum):
    """The types of frames that differ to us (RFC 9113 section 6)."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    CONTINUATION = 9


ACK = 1
"""The flag of a SETTINGS or PING frame that only answers one."""


@attrs.frozen
class Header:
    """A frame's header.

    :param length: octets that follow it.
    :param type: a `Type`, or another number.
    :param stream: 0: the frame is about the connection.
    """

    length: int
    type: int
    flags: int
    stream: int


class Frames:
    """Cuts what comes on a connection into frames, and pieces of frames that are not complete.

    :param judge: is called with each frame's header when that is complete; what it raises ends the connection.
    """

    def __init__(self, judge: Callable[[Header], None]) -> None:
        self._judge = judge
        self._left = PREFACE
        self._begun = b""

    def cut(self, data: bytes) -> Iterator[memoryview]:
        """Octets have come: in order all of them, each piece with no octet of more than one frame."""
        view, start, at = memoryview(data), 0, 0
        while at < len(data):
            if not self._left:
                taken = data[at : at + HEADER - len(self._begun)]
                self._begun += taken
                at += len(taken)
                if len(self._begun) < HEADER:
                    break
                self._header()
            step = min(self._left, len(data) - at)
            self._left -= step
            at += step
            if not self._left:
                yield view[start:at]
                start = at
        if start < len(data):
            yield view[start:]

    def _header(self) -> None:
        begun, self._begun = self._begun, b""
        self._left = int.from_bytes(begun[:3])
        self._judge(Header(self._left, begun[3], begun[4], int.from_bytes(begun[5:]) & 0x7FFFFFFF))
