"""What has gone over a connection."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.define
class Traffic:
    """Messages, or requests, and octets, both ways."""

    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def add(self, other: Traffic) -> None:
        """Add what went over another connection."""
        self.messages_in += other.messages_in
        self.messages_out += other.messages_out
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out


def total(ended: Traffic, open: Iterable[Traffic]) -> Traffic:
    """What has gone over all connections."""
    sum = attrs.evolve(ended)
    for one in open:
        sum.add(one)
    return sum
