"""Credentials in, a Principal out: the one way in for every door."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Generator
from typing import Any

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
        known = self._remembered.get(credentials.name)
        if (
            known is not None
            and self._reactor.seconds() < known.until
            and hmac.compare_digest(known.digest, self._digest(credentials))
        ):
            return succeed(known.principal)
        return self._check(credentials)

    @inlineCallbacks
    def _check(self, credentials: Credentials) -> Generator[Deferred[Any], Any, Principal | None]:
        generation = self._generation
        hash, principal = None, None
        try:
            found: Reply = yield self._pool.perform("credentials", {"name": credentials.name})
        except OperationRefused as error:
            if error.kind != "notFound":
                raise
        else:
            hash = found.arguments["hash"]
            principal = Principal(found.arguments["user"], found.arguments["name"])
        right = yield self._passwords.verify(hash, credentials.password)
        if not right or principal is None:
            return None
        # what was checked before a password changed must not be remembered after it
        if generation == self._generation:
            self._remember(credentials, principal)
        return principal

    def forget(self, user: int) -> None:
        """A user's credentials have changed."""
        self._generation += 1
        for name in [name for name, known in self._remembered.items() if known.principal.user == user]:
            del self._remembered[name]

    def _remember(self, credentials: Credentials, principal: Principal) -> None:
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        until = self._reactor.seconds() + REMEMBER
        self._remembered[credentials.name] = _Remembered(self._digest(credentials), principal, until)

    def _digest(self, credentials: Credentials) -> bytes:
        text = f"{credentials.name}\0{credentials.password}"
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
