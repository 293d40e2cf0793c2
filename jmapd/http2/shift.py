"""The time that all HTTP/2 connections together may take at once, however many of them have much to be worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

TURN = 0.005
"""Seconds of one turn of the reactor for all of them, before it is the turn of everybody else."""

SHARE = 0.001
"""Seconds of that for one connection, before it is the next one's."""


class Shift:
    """Shares out the time.

    While nobody has more to do than there is time for, it costs nothing: connections work on what comes when it comes.

    :param clock: an IReactorTime.
    """

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._waiting: deque[Callable[[], None]] = deque()
        self._call: Any = None
        self._until = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits, so that others have to stand behind."""
        return bool(self._waiting)

    def until(self) -> float:
        """When a connection that works now has to stop."""
        now: float = self._clock.seconds()
        return now + SHARE if self._call is None else min(now + SHARE, self._until)

    def stand_behind(self, work: Callable[[], None]) -> None:
        """Have work done when it is its turn; who has more to do then stands behind again."""
        self._waiting.append(work)
        if self._call is None:
            self._call = self._clock.callLater(0, self._next)

    def leave(self, work: Callable[[], None]) -> None:
        """Somebody waits no more."""
        if work in self._waiting:
            self._waiting.remove(work)

    def _next(self) -> None:
        """A turn of the reactor: those in front work for as long as there is time."""
        self._until = self._clock.seconds() + TURN
        for _ in range(len(self._waiting)):
            if not self._waiting or self._clock.seconds() >= self._until:
                break
            self._waiting.popleft()()
        self._call = self._clock.callLater(0, self._next) if self._waiting else None
