"""Tickets: somebody known gets one over HTTP and opens one connection with it, where a header cannot be sent.

A browser's WebSocket has no Authorization field. What stands in its URL instead may be seen by others, so it is good
once and for a short time.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import attrs

from jmapd.auth.principal import Principal
from jmapd.observe.clock import time_of_day

MAX_OF_USER = 100
"""Tickets of one user that are good at a time; one more takes the place of the oldest."""

MAX_TICKETS = 10_000
"""The same for all users together."""

_OCTETS = 32


@attrs.frozen
class TicketMade:
    """A ticket, as its owner is told of it.

    :param generated_on: seconds since 1970, as ``valid_until`` is.
    """

    value: str = attrs.field(repr=False)
    client_address: str
    generated_on: float
    valid_until: float
    username: str


@attrs.frozen
class _Kept:
    principal: Principal
    address: str
    valid_until: float


class Tickets:
    """The tickets that are good now.

    :param reactor: tells the time.
    :param ttl: seconds for which one is good; never longer than the credential that made it.
    :param bind_to_address: whether one opens only from the address it was made for.
    """

    def __init__(self, reactor: Any, ttl: float = 60.0, *, bind_to_address: bool = False) -> None:
        self._reactor = reactor
        self._ttl = ttl
        self.bind_to_address = bind_to_address
        # in the order in which they were made, which is that in which their time is over
        self._kept: dict[bytes, _Kept] = {}
        self._of_user: dict[int, dict[bytes, None]] = {}

    def make(self, principal: Principal, address: str) -> TicketMade:
        """Give somebody a ticket.

        :param principal: becomes the bearer's too: what ends their credential ends what the ticket has opened.
        :param address: the client's.
        """
        self._drop_expired()
        now = time_of_day(self._reactor)
        until = min(now + self._ttl, now + self._ttl if principal.expires is None else principal.expires)
        mine = self._of_user.get(principal.user, {})
        if len(mine) >= MAX_OF_USER:
            self._pop(next(iter(mine)))
        if len(self._kept) >= MAX_TICKETS:
            self._pop(next(iter(self._kept)))
        value = secrets.token_urlsafe(_OCTETS)
        digest = _digest(value)
        # the time of day may be put back meanwhile, and a ticket is not good for longer by that
        self._kept[digest] = _Kept(principal, address, self._reactor.seconds() + until - now)
        self._of_user.setdefault(principal.user, {})[digest] = None
        return TicketMade(value, address, now, until, principal.name)

    def take(self, value: str, address: str | None) -> Principal | None:
        """Use a ticket up.

        :param address: from where; ``None`` where that is not known.
        :returns: whose it is, or ``None`` where it is not good, or not here; what is not good here stays good.
        """
        # it is found by its digest: how long that takes tells nothing of the values there are
        digest = _digest(value)
        kept = self._kept.get(digest)
        if kept is None or (self.bind_to_address and address != kept.address):
            return None
        self._pop(digest)
        return kept.principal if self._reactor.seconds() < kept.valid_until else None

    def revoke(self, value: str, principal: Principal) -> bool:
        """Make a ticket good no more; false where this user has none such."""
        digest = _digest(value)
        kept = self._kept.get(digest)
        if kept is None or kept.principal.user != principal.user:
            return False
        self._pop(digest)
        return bool(self._reactor.seconds() < kept.valid_until)

    def forget(self, user: int, credential: str | None) -> None:
        """A user's credential is another, or gone, and the tickets that it made are too; ``None``: all of theirs."""
        for digest in list(self._of_user.get(user, ())):
            if self._kept[digest].principal.rests_on(user, credential):
                self._pop(digest)

    def _drop_expired(self) -> None:
        now = self._reactor.seconds()
        while self._kept:
            first = next(iter(self._kept))
            if now < self._kept[first].valid_until:
                return
            self._pop(first)

    def _pop(self, digest: bytes) -> None:
        user = self._kept.pop(digest).principal.user
        mine = self._of_user[user]
        del mine[digest]
        if not mine:
            del self._of_user[user]


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "replace")).digest()
