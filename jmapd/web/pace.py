"""How fast a request's body comes."""

from __future__ import annotations

import attrs


@attrs.define
class Pace:
    """What has come of a body in a stretch of time; the time for which the server itself does not read is not counted.

    :param began: when the stretch began.
    :param came: octets.
    """

    began: float
    came: int = 0
    _paused: float = 0.0
    _since: float | None = None

    @property
    def is_paused(self) -> bool:
        """Whether the server does not read now."""
        return self._since is not None

    def pause(self, now: float) -> None:
        """The server does not read."""
        if self._since is None:
            self._since = now

    def resume(self, now: float) -> None:
        """The server reads on."""
        if self._since is not None:
            self._paused += now - self._since
            self._since = None

    def elapsed(self, now: float) -> float:
        """Seconds of the stretch."""
        return now - self.began - self._paused

    def begin_again(self, now: float) -> None:
        """Begin another stretch."""
        self.began, self.came, self._paused = now, 0, 0.0
