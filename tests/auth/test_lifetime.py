"""What stays open ends with the credential it was opened with, and with no other."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.task import Clock

from jmapd.auth.lifetime import CredentialsChanged, Lifetimes
from jmapd.auth.principal import Principal

ANNA = Principal(1, "anna@localhost")
TOKEN = attrs.evolve(ANNA, credential="token:t1")
BEN = Principal(2, "ben@localhost")


@attrs.define
class Store:
    """Tells what changes."""

    credentials_changed: list[CredentialsChanged] = attrs.field(factory=list)

    def change(self, user: int, credential: str | None) -> None:
        for changed in self.credentials_changed:
            changed(user, credential)


@attrs.define
class World:
    clock: Clock = attrs.field(factory=Clock)
    store: Store = attrs.field(factory=Store)
    closed: list[str] = attrs.field(factory=list)
    lifetimes: Lifetimes = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.clock.advance(1000)
        self.lifetimes = Lifetimes(self.clock, self.store)

    def hold(self, name: str, principal: Principal) -> Callable[[], None]:
        return self.lifetimes.hold(principal, lambda: self.closed.append(name))


def test_what_rests_on_a_credential_is_closed_with_it_and_nothing_else() -> None:
    world = World()
    for name, principal in (("password", ANNA), ("again", ANNA), ("token", TOKEN), ("ben", BEN)):
        world.hold(name, principal)
    world.store.change(1, "token:t2")
    assert world.closed == []
    world.store.change(1, "password")
    assert world.closed == ["password", "again"]
    world.store.change(1, "token:t1")
    assert world.closed == ["password", "again", "token"]
    world.store.change(1, "password")
    assert len(world.closed) == 3


def test_all_of_a_user_is_closed_when_the_user_is_gone() -> None:
    world = World()
    for name, principal in (("password", ANNA), ("token", TOKEN), ("ben", BEN)):
        world.hold(name, principal)
    world.store.change(1, None)
    assert world.closed == ["password", "token"]


def test_what_is_open_when_its_token_expires_is_closed_then() -> None:
    world = World()
    world.hold("token", attrs.evolve(TOKEN, expires=1090.0))
    world.hold("password", ANNA)
    world.clock.advance(89.9)
    assert world.closed == []
    world.clock.advance(0.1)
    assert world.closed == ["token"]


def test_what_has_ended_by_itself_is_not_closed() -> None:
    world = World()
    release = world.hold("token", attrs.evolve(TOKEN, expires=1090.0))
    release()
    release()
    assert not world.clock.getDelayedCalls()
    world.store.change(1, None)
    assert world.closed == []


def test_closing_releases() -> None:
    world = World()
    releases: list[Callable[[], None]] = []

    def close() -> None:
        releases[0]()
        world.closed.append("one")

    releases.append(world.lifetimes.hold(ANNA, close))
    world.store.change(1, None)
    assert world.closed == ["one"]
    assert not world.lifetimes._held


def test_a_credential_that_ended_since_it_was_checked_opens_nothing() -> None:
    world = World()
    early = attrs.evolve(ANNA, proved=999.0)
    world.store.change(1, "password")
    world.hold("early", early)
    assert world.closed == ["early"]
    world.clock.advance(1)
    world.hold("new password", attrs.evolve(ANNA, proved=1001.0))
    world.hold("token", attrs.evolve(TOKEN, proved=999.0))
    assert world.closed == ["early"]
    world.hold("expired", attrs.evolve(TOKEN, expires=1001.0))
    assert world.closed == ["early", "expired"]
