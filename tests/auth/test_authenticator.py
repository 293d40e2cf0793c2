"""Whom credentials belong to: how often argon2 runs, what is remembered, and what is forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from time import perf_counter
from typing import Any, cast

import pytest
from argon2 import PasswordHasher
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import Clock

from jmapd.auth.authenticator import Authenticator
from jmapd.auth.claims import Basic, Bearer
from jmapd.auth.memory import REMEMBER
from jmapd.auth.passwords import MAX_WAITING, Busy, Passwords
from jmapd.auth.penalty import Penalty
from jmapd.auth.principal import Principal
from jmapd.auth.tickets import Tickets
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


class Counted:
    """What was counted."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()

    def count(self, name: str) -> None:
        self.times[name] += 1


class World:
    """An authenticator, with its own clock for what is remembered and who is slowed."""

    def __init__(self, longest: float) -> None:
        self.clock = Clock()
        self.pool = FakePool()
        self.passwords = CountedPasswords(reactor)
        self.passwords.start()
        self.tickets = Tickets(self.clock)
        self.counted = Counted()
        self.authenticator = Authenticator(
            self.clock,
            cast(Any, self.pool),
            self.passwords,
            self.tickets,
            Penalty(self.clock, longest, counts=self.counted),
            self.counted,
        )

    def ask(self, name: str = NAME, password: str = PASSWORD) -> Deferred[Principal | None]:
        return self.authenticator.authenticate(Basic(name, password), HERE)

    def bear(self, token: str) -> Deferred[Principal | None]:
        return self.authenticator.authenticate(Bearer(token), HERE)

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
