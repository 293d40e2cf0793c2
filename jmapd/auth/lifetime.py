"""What stays open for somebody is closed when the credential they came with is good no more."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.internet.interfaces import IDelayedCall

from jmapd.auth.principal import Principal
from jmapd.observe.clock import time_of_day

MAX_ENDED = 10_000
"""Changes of credentials that are remembered, for who was known before one and opens something after it."""

LOOK = 60.0
"""Seconds between two looks at whether a credential has expired, at most."""

CredentialsChanged = Callable[[int, str | None], None]
"""Called with a user and the credential of theirs that is another or gone; ``None``: all of them."""


class Announcing(Protocol):
    """Tells of credentials that change, as `jmapd.workers.pool.Pool` does."""

    credentials_changed: list[CredentialsChanged]


@attrs.define(eq=False)
class _Held:
    """Something open.

    :param close: to be called once, unless it is released before.
    """

    lifetimes: Lifetimes
    principal: Principal
    close: Callable[[], None]
    expiry: IDelayedCall | None = None

    def release(self) -> None:
        """It has ended by itself."""
        self.lifetimes.let_go(self)

    def end(self) -> None:
        """Its credential is good no more."""
        if self.lifetimes.let_go(self):
            self.close()


class Lifetimes:
    """All that stays open, by user.

    :param reactor: tells the time, and when a credential expires.
    :param pool: tells when one is changed or revoked.
    """

    def __init__(self, reactor: Any, pool: Announcing) -> None:
        self._reactor = reactor
        self._held: dict[int, dict[_Held, None]] = {}
        self._ended: OrderedDict[tuple[int, str | None], float] = OrderedDict()
        pool.credentials_changed.append(self._changed)

    def hold(self, principal: Principal, close: Callable[[], None]) -> Callable[[], None]:
        """Have something closed when its credential ends; at once, where it has ended since it was checked.

        :param principal: for whom it is open.
        :param close: called at most once.
        :returns: to be called when it is open no more; calling it twice does no harm.
        """
        held = _Held(self, principal, close)
        self._held.setdefault(principal.user, {})[held] = None
        if self._is_over(principal):
            held.end()
        elif principal.expires is not None:
            self._await_expiry(held, principal.expires)
        return held.release

    def _await_expiry(self, held: _Held, expires: float) -> None:
        # not for longer, as the time of day may be put forward meanwhile
        wait = min(max(expires - time_of_day(self._reactor), 0), LOOK)
        held.expiry = self._reactor.callLater(wait, self._look_at_expiry, held, expires)

    def _look_at_expiry(self, held: _Held, expires: float) -> None:
        if held.principal.has_expired(time_of_day(self._reactor)):
            held.end()
        else:
            self._await_expiry(held, expires)

    def let_go(self, held: _Held) -> bool:
        """Forget something; false where that has been done."""
        mine = self._held.get(held.principal.user, {})
        if held not in mine:
            return False
        del mine[held]
        if not mine:
            del self._held[held.principal.user]
        if held.expiry is not None and held.expiry.active():
            held.expiry.cancel()
        return True

    def _is_over(self, principal: Principal) -> bool:
        changes = (self._ended.get((principal.user, one), 0.0) for one in (None, principal.credential))
        return principal.has_expired(time_of_day(self._reactor)) or any(at > principal.proved for at in changes)

    def _changed(self, user: int, credential: str | None) -> None:
        self._ended[user, credential] = self._reactor.seconds()
        self._ended.move_to_end((user, credential))
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)
        for held in list(self._held.get(user, ())):
            if held.principal.rests_on(user, credential):
                held.end()
