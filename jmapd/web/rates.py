"""How often a peer may do what costs it little and the server much (RFC 9113 section 10.5, RFC 6455 section 10.4)."""

from __future__ import annotations

import attrs

PERIOD = 10.0
"""Seconds over which the bounds of `jmapd.web.bounds.Bounds` count."""

OCTETS_PER_FRAME = 512
"""Each so many octets of content, either way, allow for one more frame that carries none."""


class Flooded(Exception):
    """The peer does something too often.

    :param bound: the setting that says how often it may.
    """

    def __init__(self, bound: str) -> None:
        super().__init__(bound)
        self.bound = bound


@attrs.define(eq=False)
class Rate:
    """A bucket of permissions that fills itself again within a `PERIOD`.

    :param bound: the setting's name.
    :param most: how many there are when it is full.
    :param seen: the time at which that was last reckoned.
    """

    bound: str
    most: int
    _left: float = attrs.field(init=False, default=attrs.Factory(lambda self: self.most, takes_self=True))
    _seen: float = attrs.field(default=0.0, alias="seen")

    def count(self, now: float) -> None:
        """One more.

        :raises Flooded: where that is one too many.
        """
        self._left = min(self.most, self._left + (now - self._seen) * self.most / PERIOD)
        self._seen = now
        self._left -= 1
        if self._left < 0:
            raise Flooded(self.bound)

    def earn(self, octets: int) -> None:
        """Content has gone over the connection, which frames without any come along with."""
        self._left = min(self.most, self._left + octets / OCTETS_PER_FRAME)
