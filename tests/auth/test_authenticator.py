"""Whom credentials belong to: how often argon2 runs, what is remembered, and what is forgotten."""

from __future__ import annotations

from collections.abc import Coroutine
from time import perf_counter
from typing import Any, cast

import bcrypt
import pytest
from argon2 import PasswordHasher
from passlib.hash import sha512_crypt
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.internet.task import Clock, deferLater

from jmapd.auth.authenticator import Authenticator
from jmapd.auth.claims import Basic, Bearer, Ticket
from jmapd.auth.memory import REMEMBER
from jmapd.auth.passwords import MAX_WAITING, Busy, Passwords
from jmapd.auth.penalty import PATIENCE, Penalty, Slowed
from jmapd.auth.principal import Principal
from jmapd.auth.tickets import Tickets
from jmapd.observe.metrics import Metrics
from jmapd.workers.answers import OperationRefused
from tests.auth.outcomes import outcomes
from tests.inreactor import run
from tests.web.fakes import NAME, PASSWORD, USER, FakePool

OTHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("another")
ANNA = Principal(USER, NAME)
HERE = "192.0.2.1"


class CountedPasswords(Passwords):
    """Counts how often a password is really checked."""

    verified = 0

    def verify(self, hash: str | None, password: str) -> Deferred[bool]:
        self.verified += 1
        return super().verify(hash, password)


class World:
    """An authenticator, with its own clock for what is remembered and who is slowed."""

    def __init__(self, longest: float) -> None:
        self.clock = Clock()
        self.pool = FakePool()
        self.passwords = CountedPasswords(reactor)
        self.passwords.start()
        self.tickets = Tickets(self.clock)
        self.metrics = Metrics()
        self.authenticator = Authenticator(
            self.clock,
            cast(Any, self.pool),
            self.passwords,
            self.tickets,
            Penalty(self.clock, longest, metrics=self.metrics),
            self.metrics,
        )

    def ask(self, name: str = NAME, password: str = PASSWORD) -> Deferred[Principal | None]:
        return self.authenticator.authenticate(Basic(name, password), HERE)

    def bear(self, token: str) -> Deferred[Principal | None]:
        return self.authenticator.authenticate(Bearer(token), HERE)

    @property
    def outcomes(self) -> dict[str, float]:
        """How often signing in came to what."""
        return outcomes(self.metrics)

    def change_password(self) -> None:
        self.pool.hash = OTHER
        self.pool.change("password")


def in_world(test: Any, longest: float = 0) -> Any:
    def started() -> None:
        world = World(longest)

        async def whole() -> None:
            try:
                await test(world)
            finally:
                world.passwords.stop()

        coroutine: Coroutine[Any, Any, None] = whole()
        run(coroutine)

    started.__name__, started.__doc__ = test.__name__, test.__doc__
    return started


def in_slow_world(test: Any) -> Any:
    return in_world(test, longest=15)


@in_world
async def test_the_right_password_is_the_user(world: World) -> None:
    assert await world.ask() == ANNA
    assert await world.ask("anna") == ANNA


@in_world
async def test_no_credentials_are_nobody(world: World) -> None:
    assert await world.authenticator.authenticate(None, HERE) is None


@in_world
async def test_the_wrong_password_is_nobody_also_after_the_right_one(world: World) -> None:
    assert await world.ask() == ANNA
    assert await world.ask(password="wrong") is None
    assert await world.ask(NAME + "\N{COMBINING ACUTE ACCENT}") is None


@in_world
async def test_the_last_right_password_is_known_again_at_once(world: World) -> None:
    await world.ask()
    assert world.ask().called
    before = perf_counter()
    for _ in range(1000):
        world.ask()
    assert perf_counter() - before < 0.2
    assert world.passwords.verified == 1
    assert len(world.pool.performed) == 1


@in_world
async def test_it_is_forgotten_after_a_while(world: World) -> None:
    await world.ask()
    world.clock.advance(REMEMBER)
    assert await world.ask() == ANNA
    assert world.passwords.verified == 2


@in_world
async def test_many_connections_at_once_have_their_password_checked_once(world: World) -> None:
    world.pool.hold("credentials")
    waiting = [world.ask() for _ in range(300)]
    world.pool.let_go("credentials")
    assert [principal for _, principal in await DeferredList(waiting)] == [ANNA] * 300
    assert world.passwords.verified == 1


@in_world
async def test_when_the_password_changes_the_old_one_is_forgotten_at_once(world: World) -> None:
    await world.ask()
    world.change_password()
    assert await world.ask() is None
    assert await world.ask(password="another") == ANNA


@in_world
async def test_a_password_that_changes_while_it_is_checked_is_checked_again(world: World) -> None:
    checking = world.ask()
    world.change_password()
    assert await checking is None
    assert await world.ask() is None


@in_world
async def test_somebody_unknown_costs_as_much_as_somebody_known(world: World) -> None:
    assert await world.ask("nobody@localhost") is None
    assert world.passwords.verified == 1


@in_world
async def test_when_too_many_wait_the_next_one_does_not(world: World) -> None:
    world.passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    waiting = [world.ask(password=f"wrong{number}") for number in range(MAX_WAITING)]
    with pytest.raises(Busy):
        await world.ask(password="one too many")
    await DeferredList(waiting)
    assert await world.ask() == ANNA


@in_world
async def test_the_reactor_goes_on_while_a_password_is_checked(world: World) -> None:
    checking = world.ask("nobody@localhost")
    assert not checking.called
    await checking


@in_world
async def test_rfc6750_2_1_a_token_is_its_user_without_argon2(world: World) -> None:
    secret = world.pool.make_token("t1", read_only=True, expires=500.0)
    found = await world.bear(secret)
    assert found == Principal(USER, NAME, "token:t1", read_only=True, expires=500.0)
    assert world.passwords.verified == 0


@in_world
async def test_a_token_is_a_password_too_of_its_own_user_alone(world: World) -> None:
    secret = world.pool.make_token("t1")
    found = await world.ask(password=secret)
    assert found is not None
    assert found.credential == "token:t1"
    assert await world.ask("ben@localhost", secret) is None
    assert world.passwords.verified == 0


@in_world
async def test_what_is_no_token_is_not_looked_up(world: World) -> None:
    for secret in ("x", "jmapd_", "jmapd_" + "x" * 42, "jmapd_" + "x" * 44):
        assert await world.bear(secret) is None
    assert not world.pool.performed
    assert await world.bear("jmapd_" + "x" * 43) is None
    assert [name for name, _ in world.pool.performed] == ["token"]


@in_world
async def test_a_right_token_is_known_again_at_once_beside_the_password(world: World) -> None:
    secret = world.pool.make_token("t1")
    await world.bear(secret)
    await world.ask()
    performed = len(world.pool.performed)
    assert world.bear(secret).called
    assert world.ask().called
    assert len(world.pool.performed) == performed


@in_world
async def test_an_expired_token_is_nobody_from_memory_too(world: World) -> None:
    secret = world.pool.make_token("t1", expires=100.0)
    assert await world.bear(secret) is not None
    world.clock.advance(99.9)
    assert await world.bear(secret) is not None
    world.clock.advance(0.1)
    assert await world.bear(secret) is None


@in_world
async def test_only_what_has_changed_is_forgotten(world: World) -> None:
    first, second = world.pool.make_token("t1"), world.pool.make_token("t2")
    for secret in (first, second):
        await world.bear(secret)
    await world.ask()
    world.pool.tokens.clear()
    world.pool.change("token:t1")
    assert await world.bear(first) is None
    assert await world.bear(second) is not None
    world.change_password()
    assert await world.ask() is None
    assert await world.bear(second) is not None
    world.pool.change(None)
    assert await world.bear(second) is None


@in_world
async def test_a_token_that_is_revoked_while_it_is_looked_up_is_looked_up_again(world: World) -> None:
    secret = world.pool.make_token("t1")
    world.pool.hold("token")
    checking = world.bear(secret)
    found = world.pool.tokens.copy()
    world.pool.change("token:t1")
    world.pool.let_go("token")
    assert await checking is not None
    assert [name for name, _ in world.pool.performed] == ["token", "token"]
    assert found


@in_world
async def test_a_ticket_is_whoever_made_it_once(world: World) -> None:
    made = world.tickets.make(ANNA, HERE)
    ticket = Ticket(made.value)
    assert await world.authenticator.authenticate(ticket, "192.0.2.2") == ANNA
    assert await world.authenticator.authenticate(ticket, HERE) is None
    assert world.outcomes == {"failed": 1}
    lost = world.tickets.make(ANNA, HERE)
    world.pool.change("password")
    assert await world.authenticator.authenticate(Ticket(lost.value), HERE) is None


@pytest.mark.parametrize("kind", ["bcrypt", "sha512"])
def test_another_hash_becomes_argon2s_at_the_right_login_and_nothing_is_forgotten(kind: str) -> None:
    @in_world
    async def test(world: World) -> None:
        changed: list[str | None] = []
        world.pool.credentials_changed.append(lambda user, credential: changed.append(credential))
        old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        world.pool.hash = old if kind == "bcrypt" else sha512_crypt.using(rounds=1000).hash(PASSWORD)
        assert await world.ask(password="wrong") is None
        assert await world.ask() == ANNA
        while world.pool.performed[-1][0] != "hash_renew":
            await deferLater(cast(Any, reactor), 0, lambda: None)
        assert world.pool.hash.startswith("$argon2id$")
        assert not changed
        assert world.ask().called
        world.clock.advance(REMEMBER)
        assert await world.ask() == ANNA
        assert [name for name, _ in world.pool.performed].count("hash_renew") == 1

    test()


@in_slow_world
async def test_after_a_wrong_password_the_next_attempt_waits_but_not_who_is_known(world: World) -> None:
    assert await world.ask() == ANNA
    assert await world.ask(password="wrong") is None
    waiting = world.ask(password="another")
    assert world.ask().called
    verified = world.passwords.verified
    world.clock.advance(1.9)
    assert world.passwords.verified == verified
    world.clock.advance(0.1)
    assert await waiting is None
    assert world.outcomes == {"failed": 2, "slowed": 1}


@in_slow_world
async def test_one_too_many_waiting_is_told_when_to_come_again(world: World) -> None:
    await world.ask(password="wrong")
    waiting = [world.ask(password=f"wrong {number}") for number in range(5)]
    with pytest.raises(Slowed) as slowed:
        await world.ask(password="one too many")
    assert slowed.value.retry_after == 2
    world.clock.advance(2)
    world.clock.advance(PATIENCE)
    came = await DeferredList(waiting, consumeErrors=True)
    assert [right for right, _ in came] == [True, False, False, False, False]
    assert world.outcomes == {"failed": 2, "slowed": 5, "refused": 5}


@in_slow_world
async def test_a_store_that_cannot_be_asked_is_nobodys_failure(world: World) -> None:
    perform = world.pool.perform
    refusing: Any = lambda *_: fail(OperationRefused("unavailable"))  # noqa: E731  # shorter so
    world.pool.perform = refusing  # type: ignore[method-assign]  # the store that fails
    with pytest.raises(OperationRefused):
        await world.ask()
    world.pool.perform = perform  # type: ignore[method-assign]  # and is there again
    assert await world.ask() == ANNA
    assert not world.outcomes
