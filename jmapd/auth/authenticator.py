"""Claims in, a Principal out: the one way in for every door."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Generator
from typing import Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.logger import Logger

from jmapd.auth import hashes, token
from jmapd.auth.claims import Basic, Bearer, Claim, Ticket
from jmapd.auth.failures import Failures
from jmapd.auth.memory import Memory
from jmapd.auth.passwords import Busy, Passwords
from jmapd.auth.penalty import Attempt, Penalty
from jmapd.auth.principal import Principal
from jmapd.auth.tickets import Tickets
from jmapd.observe.clock import time_of_day
from jmapd.observe.metrics import Metrics
from jmapd.workers.pool import OperationRefused, Pool, Reply

_UNNAMED = {Basic: "(a name that nobody has)", Bearer: "(a token)", Ticket: "(a ticket)"}
_log = Logger()


@attrs.frozen
class _Checked:
    """What a claim has come to.

    :param principal: whom it belongs to, if it is right.
    :param whose: the name of the user that it is about, if there is one.
    :param disabled: whether that user is.
    """

    principal: Principal | None = None
    whose: str | None = None
    disabled: bool = False


_Checking = Generator[Deferred[Any], Any, _Checked]


class Authenticator:
    """Knows who it is.

    :param reactor: tells the time.
    :param pool: is asked for users and tokens, and tells when they change.
    :param tickets: what `Ticket` claims are looked up in; they are forgotten here when credentials change.
    :param penalty: makes those wait who have been wrong.
    :param metrics: count each failure.
    """

    def __init__(
        self,
        reactor: Any,
        pool: Pool,
        passwords: Passwords,
        tickets: Tickets,
        penalty: Penalty,
        metrics: Metrics | None = None,
    ) -> None:
        self._reactor = reactor
        self._pool = pool
        self._passwords = passwords
        self._tickets = tickets
        self._penalty = penalty
        self._metrics = metrics or Metrics()
        self._failures = Failures(reactor)
        self._memory = Memory(reactor)
        self._key = secrets.token_bytes(32)
        self._checking: dict[tuple[bytes, str], list[Deferred[Principal | None]]] = {}
        self._generation = 0
        pool.credentials_changed.append(self.forget)

    def authenticate(self, claim: Claim | None, address: str) -> Deferred[Principal | None]:
        """Find out whom a request acts for.

        :param claim: what the client says of itself, if anything.
        :param address: the client's; "" where it has none.
        :returns: fires with ``None`` where that is nobody; fails with `jmapd.auth.penalty.Slowed`,
            `jmapd.auth.passwords.Busy` or `OperationRefused` where it is not found out now.
        """
        if claim is None:
            return succeed(None)
        if isinstance(claim, Ticket):
            bearer = self._tickets.take(claim.value, address or None)
            if bearer is None:
                self._failed(claim, address, _Checked())
            return succeed(bearer)
        digest = self._digest(claim)
        known = self._memory.find(digest)
        if known is not None:
            return succeed(known)
        return self._checked_once(claim, digest, address)

    def forget(self, user: int, credential: str | None) -> None:
        """A user's credential is another, or gone; ``None``: all of theirs."""
        self._generation += 1
        self._memory.forget(user, credential)
        self._tickets.forget(user, credential)

    def _checked_once(self, claim: Basic | Bearer, digest: bytes, address: str) -> Deferred[Principal | None]:
        """A client that opens many connections at once is checked once."""
        answer: Deferred[Principal | None] = Deferred()
        waiting = self._checking.get((digest, address))
        if waiting is not None:
            waiting.append(answer)
            return answer
        self._checking[digest, address] = [answer]

        def checked(result: Any) -> None:
            for one in self._checking.pop((digest, address)):
                one.callback(result)

        self._attempt(claim, digest, address).addBoth(checked)
        return answer

    @inlineCallbacks
    def _attempt(
        self, claim: Basic | Bearer, digest: bytes, address: str
    ) -> Generator[Deferred[Any], Any, Principal | None]:
        """Check a claim when it is its turn."""
        # a token cannot be guessed: nobody waits for what others have tried for this user
        guessable = claim.name if isinstance(claim, Basic) and not token.is_token(claim.password) else None
        attempt: Attempt = yield self._penalty.admit(address, guessable)
        try:
            checked: _Checked = yield self._check(claim)
        except Exception:
            attempt.dropped()
            raise
        if checked.principal is None:
            self._failed(claim, address, checked)
            attempt.wrong(digest)
            return None
        self._memory.keep(digest, checked.principal)
        attempt.right()
        return checked.principal

    @inlineCallbacks
    def _check(self, claim: Basic | Bearer) -> _Checking:
        """Whom a claim belongs to."""
        while True:
            generation = self._generation
            secret = claim.password if isinstance(claim, Basic) else claim.token
            if token.is_token(secret):
                checked: _Checked = yield self._check_token(secret, claim.name if isinstance(claim, Basic) else None)
            elif isinstance(claim, Basic):
                checked = yield self._check_password(claim)
            else:
                return _Checked()
            # what was read before a credential changed says nothing after it
            if generation == self._generation:
                return checked

    @inlineCallbacks
    def _check_password(self, claim: Basic) -> _Checking:
        found: Reply | None = yield self._look_up("credentials", {"name": claim.name})
        hash: str | None = None if found is None else found.arguments.get("hash")
        # for nobody and for who is disabled too: it takes as long
        right = yield self._passwords.verify(hash, claim.password)
        if found is None or hash is None or not right:
            return _wrong(found)
        principal = self._principal(found)
        if not hashes.is_argon2(hash):
            self._renew(principal, hash, claim.password).addErrback(self._not_renewed)
        return _Checked(principal)

    @inlineCallbacks
    def _check_token(self, secret: str, name: str | None) -> _Checking:
        found: Reply | None = yield self._look_up("token", {"hash": token.hashed(secret), "name": name})
        if found is None or found.arguments.get("disabled"):
            return _wrong(found)
        principal = self._principal(found)
        return _Checked() if principal.has_expired(time_of_day(self._reactor)) else _Checked(principal)

    @inlineCallbacks
    def _look_up(self, operation: str, arguments: dict[str, Any]) -> Generator[Deferred[Any], Any, Reply | None]:
        try:
            found: Reply = yield self._pool.perform(operation, arguments)
        except OperationRefused as error:
            if error.kind != "notFound":
                raise
            return None
        return found

    def _principal(self, found: Reply) -> Principal:
        said = found.arguments
        return Principal(
            said["user"],
            said["name"],
            said["credential"],
            read_only=said.get("read_only", False),
            expires=said.get("expires"),
            proved=self._reactor.seconds(),
        )

    @inlineCallbacks
    def _renew(self, principal: Principal, old: str, password: str) -> Generator[Deferred[Any], Any, None]:
        """Let the store keep argon2's hash in the place of a right password's other one."""
        try:
            new = yield self._passwords.hash(password)
            yield self._pool.perform("hash_renew", {"user": principal.user, "old": old, "new": new})
        except (Busy, OperationRefused):
            # the next login does it
            return

    def _not_renewed(self, failure: Any) -> None:
        _log.failure("a password's hash could not be renewed", failure)

    def _failed(self, claim: Claim, address: str, checked: _Checked) -> None:
        """Tell of a failure; not what was said for a name where nobody has it: it may be a password."""
        self._metrics.signed_in("failed")
        self._failures.tell(checked.whose or _UNNAMED[type(claim)], address, disabled=checked.disabled)

    def _digest(self, claim: Basic | Bearer) -> bytes:
        """What tells a claim from all others, and nobody without the key anything."""
        said = (claim.name, claim.password) if isinstance(claim, Basic) else (claim.token,)
        return hmac.digest(self._key, "\0".join(said).encode(), "sha256")


def _wrong(found: Reply | None) -> _Checked:
    """What a claim has come to that is not right."""
    said = {} if found is None else found.arguments
    return _Checked(None, said.get("name"), said.get("disabled", False))
