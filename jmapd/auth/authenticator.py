"""Credentials in, a Principal out: the one way in for every door."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Generator
from typing import Any, cast

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks, succeed

from jmapd.auth.basic import Credentials, parse_authorization
from jmapd.auth.passwords import Passwords
from jmapd.auth.principal import Principal
from jmapd.workers.pool import OperationRefused, Pool, Reply

REMEMBER = 300.0
"""Seconds for which a user's last right password is known again without argon2."""

MAX_REMEMBERED = 10_000


@attrs.frozen
class _Remembered:
    digest: bytes
    principal: Principal
    until: float


class Authenticator:
    """Knows who it is.

    :param reactor: tells the time.
    :param pool: is asked for users.
    """

    def __init__(self, reactor: Any, pool: Pool, passwords: Passwords) -> None:
        self._reactor = reactor
        self._pool = pool
        self._passwords = passwords
        self._key = secrets.token_bytes(32)
        self._remembered: dict[str, _Remembered] = {}
        self._checking: dict[bytes, list[Deferred[Principal | None]]] = {}
        self._generation = 0
        pool.credentials_changed.append(self.forget)

    def authenticate(self, authorization: bytes | None) -> Deferred[Principal | None]:
        """Find out whom a request acts for.

        :param authorization: its Authorization field, if it has one.
        :returns: fires with ``None`` where that is nobody; fails with `jmapd.auth.passwords.Busy` or
            `OperationRefused` where it cannot be found out now.
        """
        credentials = None if authorization is None else parse_authorization(authorization)
        if credentials is None:
            return succeed(None)
        digest = self._digest(credentials)
        known = self._remembered.get(credentials.name)
        if known is not None and self._reactor.seconds() < known.until and hmac.compare_digest(known.digest, digest):
            return succeed(known.principal)
        return self._checked_once(credentials, digest)

    def _checked_once(self, credentials: Credentials, digest: bytes) -> Deferred[Principal | None]:
        """A client that opens many connections at once has its password checked once."""
        answer: Deferred[Principal | None] = Deferred()
        waiting = self._checking.get(digest)
        if waiting is not None:
            waiting.append(answer)
            return answer
        self._checking[digest] = [answer]

        def checked(result: Any) -> None:
            for one in self._checking.pop(digest):
                one.callback(result)

        self._check(credentials, digest).addBoth(checked)
        return answer

    @inlineCallbacks
    def _check(self, credentials: Credentials, digest: bytes) -> Generator[Deferred[Any], Any, Principal | None]:
        while True:
            generation = self._generation
            hash, principal = yield self._look_up(credentials.name)
            right = yield self._passwords.verify(hash, credentials.password)
            # what was read before a password changed says nothing after it
            if generation == self._generation:
                break
        if not right or principal is None:
            return None
        self._remember(credentials.name, digest, principal)
        return cast(Principal, principal)

    @inlineCallbacks
    def _look_up(self, name: str) -> Generator[Deferred[Any], Any, tuple[str | None, Principal | None]]:
        try:
            found: Reply = yield self._pool.perform("credentials", {"name": name})
        except OperationRefused as error:
            if error.kind != "notFound":
                raise
            return None, None
        return found.arguments["hash"], Principal(found.arguments["user"], found.arguments["name"])

    def forget(self, user: int) -> None:
        """A user's credentials have changed."""
        self._generation += 1
        for name in [name for name, known in self._remembered.items() if known.principal.user == user]:
            del self._remembered[name]

    def _remember(self, name: str, digest: bytes, principal: Principal) -> None:
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[name] = _Remembered(digest, principal, self._reactor.seconds() + REMEMBER)

    def _digest(self, credentials: Credentials) -> bytes:
        """What tells a name and a password from all others, and nobody without the key anything."""
        return hmac.digest(self._key, f"{credentials.name}\0{credentials.password}".encode(), "sha256")
