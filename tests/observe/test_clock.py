"""A clock that goes evenly, and the time of day beside it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock

from jmapd.auth.lifetime import Lifetimes
from jmapd.auth.principal import Principal
from jmapd.auth.tickets import Tickets
from jmapd.observe.clock import make_steady, time_of_day

HOUR = 3600.0


class TwoClocks(Clock):
    """A Clock whose time of day can be put forward and back."""

    put = 0.0

    def time_of_day(self) -> float:
        return self.seconds() + self.put


class Announcing:
    def __init__(self) -> None:
        self.credentials_changed: list[Any] = []


@pytest.mark.parametrize("put", [-HOUR, HOUR])
def test_a_steady_clock_begins_with_the_time_of_day_and_does_not_follow_it(
    put: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    reactor = MemoryReactorClock()
    make_steady(reactor)
    assert abs(reactor.seconds() - time.time()) < 1
    before, real = reactor.seconds(), time.time
    monkeypatch.setattr(time, "time", lambda: real() + put)
    make = MemoryReactorClock()
    make_steady(make)
    assert 0 <= reactor.seconds() - before < 1
    assert abs(time_of_day(make) - real() - put) < 1


def test_a_clock_of_one_time_tells_that() -> None:
    clock = Clock()
    clock.advance(7)
    assert time_of_day(clock) == 7


def held(clock: TwoClocks, expires: float) -> list[float]:
    """When something that a token keeps open is closed."""
    closed: list[float] = []
    lifetimes = Lifetimes(clock, Announcing())
    lifetimes.hold(Principal(1, "anna", "t", expires=expires), lambda: closed.append(clock.seconds()))
    return closed


def test_a_token_ends_by_the_time_of_day() -> None:
    clock = TwoClocks()
    closed = held(clock, expires=HOUR)
    clock.put = 0.5 * HOUR
    clock.pump([10.0] * 400)
    assert closed == [HOUR / 2]


def test_a_token_lasts_longer_where_the_time_of_day_is_put_back() -> None:
    clock = TwoClocks()
    closed = held(clock, expires=HOUR)
    clock.put = -HOUR
    clock.pump([10.0] * 700)
    assert closed == []
    clock.pump([10.0] * 30)
    assert closed == [2 * HOUR]


@pytest.mark.parametrize("put", [-HOUR, HOUR])
def test_a_ticket_is_good_for_its_minute_whatever_becomes_of_the_time_of_day(put: float) -> None:
    clock = TwoClocks()
    tickets = Tickets(clock)
    principal = Principal(1, "anna", "t")
    used, late = (tickets.make(principal, "192.0.2.1").value for _ in range(2))
    clock.put = put
    clock.advance(59)
    assert tickets.take(used, "192.0.2.1") is principal
    clock.advance(1)
    assert tickets.take(late, "192.0.2.1") is None
    assert tickets.make(principal, "192.0.2.1").generated_on == 60 + put
