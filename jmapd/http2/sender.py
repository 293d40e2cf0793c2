"""What waits in the streams of a connection, sent as the windows and the transport let it, a frame of each in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from h2.connection import H2Connection
from h2.exceptions import ProtocolError

from jmapd.http2.stream import Stream
from jmapd.web.rates import Flooded

WRITE = 64 * 1024
"""Octets that are written to the transport in one go, which then says whether it wants more."""

MAX_UNSENT = 64 * 1024 * 1024
"""Octets that may wait in all streams together for a client that does not read them."""


class Sender:
    """Sends.

    :param streams: those that are open, by number.
    :param write: takes octets for the client.
    :ivar held: whether the transport has more than it wants.
    :ivar unsent: octets that wait in all streams.
    """

    def __init__(self, h2: H2Connection, streams: Mapping[int, Stream], write: Callable[[bytes], None]) -> None:
        self._h2 = h2
        self._streams = streams
        self._to_transport = write
        self._ready: dict[Stream, None] = {}
        self.held = False
        self.unsent = 0

    def ready(self, stream: Stream) -> None:
        """A stream may have something that can be sent."""
        self._ready[stream] = None

    def all_ready(self) -> None:
        """A window may have become larger for all of them."""
        self._ready.update((stream, None) for stream in self._streams.values() if stream.wants_to_send)

    def forget(self, stream: Stream) -> None:
        """A stream is over."""
        self._ready.pop(stream, None)

    def clear(self) -> None:
        """All are."""
        self._ready.clear()

    def pump(self) -> None:
        """Send what can be sent.

        :raises Flooded: where the client asks and asks and does not read.
        """
        self._look_at_unsent()
        prepared = 0
        while self._ready and not self.held:
            stream = next(iter(self._ready))
            del self._ready[stream]
            sent = self._send_frame(stream)
            if sent and stream.wants_to_send:
                self._ready[stream] = None
            prepared += sent
            if prepared >= WRITE:
                prepared = 0
                self.write()
        self.write()

    def _look_at_unsent(self) -> None:
        """Whether too much waits; the largest of the answers must fit, whatever its size."""
        if self.unsent > MAX_UNSENT:
            largest = max(stream.unsent for stream in self._streams.values())
            if self.unsent - largest > MAX_UNSENT:
                raise Flooded("max-unsent")

    def _send_frame(self, stream: Stream) -> int:
        if stream.id not in self._streams:
            return 0
        try:
            window = self._h2.local_flow_control_window(stream.id)
            return stream.send_frame(max(0, min(window, self._h2.max_outbound_frame_size, WRITE)))
        except ProtocolError:
            # it was reset in octets that have been read already; its event is still to come
            return 0

    def write(self) -> None:
        """Write what `h2` has prepared."""
        data = self._h2.data_to_send()
        if data:
            self._to_transport(data)
