"""Whether clients should be sent to this server."""

from __future__ import annotations

from collections.abc import Callable


class Readiness:
    """Called, says why no client should be sent here; "" where there is no reason.

    :param can_work: whether the workers can be asked now.
    :ivar listening: whether every listener listens.
    :ivar stopping: whether a stop has begun.
    """

    def __init__(self, can_work: Callable[[], bool]) -> None:
        self._can_work = can_work
        self.listening = False
        self.stopping = False

    def __call__(self) -> str:
        """The reason."""
        if self.stopping:
            return "the server is stopping"
        if not self.listening:
            return "not every listener listens yet"
        return "" if self._can_work() else "the workers are not ready"
