"""When verification codes are sent: at once, but no more of them than a client can want (RFC 8620 section 8.6).

They go to whatever URL somebody has said, so a user could have somebody else flooded with them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.interfaces import IDelayedCall

AT_ONCE = 20
"""Codes of one user that are sent at once."""

SECONDS = 30.0
"""Until one more may be."""


class Codes:
    """The codes of one user's PushSubscriptions, which are known by their numbers.

    :param clock: an IReactorTime.
    :param send: called with each whose turn it is, once.
    """

    def __init__(self, clock: Any, send: Callable[[int], object]) -> None:
        self._clock = clock
        self._send = send
        self._known: set[int] = set()
        self._waiting: deque[int] = deque()
        self._permitted: float = AT_ONCE
        self._reckoned: float = clock.seconds()
        self._next: IDelayedCall | None = None

    def are(self, unsent: Iterable[int]) -> None:
        """The store knows these for unsent; one that is under way may be among them."""
        numbers = set(unsent)
        self._known &= numbers
        self._waiting.extend(sorted(numbers - self._known))
        self._known |= numbers
        self._send_permitted()

    @property
    def is_idle(self) -> bool:
        """Whether none waits, and as many may be sent as ever."""
        self._reckon()
        return not self._known and self._permitted >= AT_ONCE

    def stop(self) -> None:
        """Send no more."""
        self._waiting.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _reckon(self) -> None:
        now = self._clock.seconds()
        self._permitted = min(AT_ONCE, self._permitted + (now - self._reckoned) / SECONDS)
        self._reckoned = now

    def _send_permitted(self) -> None:
        self._reckon()
        while self._waiting and self._permitted >= 1:
            number = self._waiting.popleft()
            if number in self._known:
                self._permitted -= 1
                self._send(number)
        if self._waiting and self._next is None:
            self._next = self._clock.callLater((1 - self._permitted) * SECONDS, self._send_next)

    def _send_next(self) -> None:
        self._next = None
        self._send_permitted()
