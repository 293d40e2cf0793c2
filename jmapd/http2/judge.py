"""What a client may do how often on an HTTP/2 connection (RFC 9113 section 10.5), judged by the headers of its frames."""

from __future__ import annotations

from collections.abc import Callable, Container

from h2.exceptions import FrameTooLargeError

from jmapd.http2 import frames
from jmapd.http2.frames import Header, Type
from jmapd.web.bounds import Bounds
from jmapd.web.rates import Flooded, Rate

ANSWERED = 2
"""So many times the largest header is still answered, with 431; more of one ends the connection."""


class Judge:
    """Counts what costs a client little.

    :param now: tells the time, in seconds.
    :param open: the numbers of the streams that are open.
    :param highest: tells the number of the last stream that the client has begun.
    """

    def __init__(
        self, now: Callable[[], float], bounds: Bounds, open: Container[int], highest: Callable[[], int]
    ) -> None:
        self._now = now
        self._open = open
        self._highest = highest
        self._most_of_block = ANSWERED * bounds.max_header_size
        self._block = 0
        self._bare = Rate("max-bare-frames", bounds.max_bare_frames, seen=now())
        self._pings = Rate("max-pings", bounds.max_pings, seen=now())
        self._settings = Rate("max-settings", bounds.max_settings, seen=now())
        self._resets = Rate("max-resets", bounds.max_resets, seen=now())

    def __call__(self, header: Header) -> None:
        """A frame's header has come.

        :raises FrameTooLargeError: where more follows it than may.
        :raises Flooded: where it is one too many.
        """
        if header.length > frames.LARGEST:
            raise FrameTooLargeError(f"a frame of {header.length} octets")
        if header.type in (Type.HEADERS, Type.CONTINUATION):
            self._block_grows(header)
        if header.type == Type.RST_STREAM:
            self.reset()
        elif header.type == Type.PING:
            self._pings.count(self._now())
        elif header.type == Type.SETTINGS and not header.flags & frames.ACK:
            self._settings.count(self._now())
        elif header.type == Type.DATA:
            self._content(header)
        elif header.type != Type.HEADERS or header.stream <= self._highest():
            self.bare()

    def _block_grows(self, header: Header) -> None:
        """Part of a request's header has come, as it is compressed."""
        self._block = header.length + (self._block if header.type == Type.CONTINUATION else 0)
        if self._block > self._most_of_block:
            raise Flooded("max-header-size")

    def _content(self, header: Header) -> None:
        """Content has come; for a stream that is over `h2` answers each frame of it with a reset, and says nothing."""
        self.earn(header.length)
        if header.stream not in self._open:
            self.bare()

    def bare(self) -> None:
        """A frame has come that asks nothing of us."""
        self._bare.count(self._now())

    def reset(self) -> None:
        """A stream was reset, by the client or for what it did (CVE-2023-44487, CVE-2025-8671)."""
        self._resets.count(self._now())

    def earn(self, octets: int) -> None:
        """Content has gone over the connection."""
        self._bare.earn(octets)
