"""A worker's end of its channel: a blocking socket, frames in, frames out."""

from __future__ import annotations

import select
import socket

import attrs

from jmapd.workers.answers import Answer
from jmapd.workers.channel import Frame, FrameReader

_RECEIVE = 1 << 18


@attrs.define(eq=False)
class Link:
    """Frames over a blocking socket."""

    channel: socket.socket
    _reader: FrameReader = attrs.field(factory=FrameReader)

    def wait(self) -> list[Frame] | None:
        """The next frames, at least one; ``None`` when the channel has ended."""
        while True:
            data = self.channel.recv(_RECEIVE)
            if not data:
                return None
            if frames := list(self._reader.feed(data)):
                return frames

    def is_quiet(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        readable, _, _ = select.select([self.channel], [], [], seconds)
        return not readable

    def poll(self) -> list[Frame]:
        """The frames that are there already."""
        try:
            data = self.channel.recv(_RECEIVE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        return list(self._reader.feed(data))

    def tell(self, arguments: dict[str, object]) -> None:
        """Send a frame that answers nothing."""
        self.channel.sendall(Frame(0, arguments).to_bytes())

    def answer(self, answers: list[tuple[Frame, Answer]]) -> None:
        """Answer frames, all in one write."""
        self.channel.sendall(
            b"".join(Frame(frame.number, one.to_arguments(), one.body).to_bytes() for frame, one in answers)
        )
