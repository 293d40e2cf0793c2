"""Credentials that were right a while ago, so that the same again costs next to nothing."""

from __future__ import annotations

from typing import Any

import attrs

from jmapd.auth.principal import Principal
from jmapd.observe.clock import time_of_day

REMEMBER = 300.0
"""Seconds for which a right credential is known again without asking."""

MAX_REMEMBERED = 10_000


@attrs.frozen
class _Remembered:
    principal: Principal
    until: float


class Memory:
    """Principals by the keyed digest of what they came with.

    :param reactor: tells the time.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._remembered: dict[bytes, _Remembered] = {}

    def find(self, digest: bytes) -> Principal | None:
        """Whose credential this was, if it still is."""
        known = self._remembered.get(digest)
        if known is None:
            return None
        now = self._reactor.seconds()
        if now < known.until and not known.principal.has_expired(time_of_day(self._reactor)):
            return known.principal
        del self._remembered[digest]
        return None

    def keep(self, digest: bytes, principal: Principal) -> None:
        """Remember a right credential; the oldest gives way where there are too many."""
        self._remembered.pop(digest, None)
        if len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = _Remembered(principal, self._reactor.seconds() + REMEMBER)

    def forget(self, user: int, credential: str | None) -> None:
        """A user's credential is another, or gone; ``None``: all of theirs."""
        for digest in [one for one, known in self._remembered.items() if known.principal.rests_on(user, credential)]:
            del self._remembered[digest]
