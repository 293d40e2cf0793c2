"""Who was wrong waits: how long, for whom, and how many may."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from jmapd.auth import penalty as rules
from jmapd.auth.penalty import Attempt, Network, Penalty, Slowed
from jmapd.observe.metrics import Metrics
from tests.auth.outcomes import outcomes

HERE, THERE = "192.0.2.1", "198.51.100.7"


class World:
    def __init__(self, longest: float = 15.0, exempt: tuple[Network, ...] = ()) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.metrics = Metrics()
        self.penalty = Penalty(self.clock, longest, exempt, self.metrics)
        self._number = 0

    def admit(self, address: str = HERE, name: str | None = "anna") -> Deferred[Attempt]:
        return self.penalty.admit(address, name)

    def begun(self, address: str = HERE, name: str | None = "anna") -> Attempt:
        """An attempt that need not wait."""
        admitted = self.admit(address, name)
        assert admitted.called
        attempt: Attempt = admitted.result  # type: ignore[assignment]  # it has been called
        return attempt

    def fail(self, address: str = HERE, name: str | None = "anna", wrong: bytes = b"") -> None:
        """A failure of an attempt that need not wait."""
        self._number += 1
        self.begun(address, name).wrong(wrong or b"%d" % self._number)

    def waits(self, address: str = HERE, name: str | None = "anna") -> float:
        """Seconds, in tenths, that an attempt waits, which then comes to nothing."""
        admitted = self.admit(address, name)
        for tenths in range(1000):
            if admitted.called:
                admitted.addCallback(Attempt.dropped)
                return tenths / 10
            self.clock.advance(0.1)
        raise AssertionError("it waits too long")


def fail_with(admitted: Deferred[Attempt], wrong: bytes) -> None:
    """Let an attempt fail when it is admitted."""
    admitted.addCallbacks(lambda attempt: attempt.wrong(wrong), lambda _: None)


def refused(admitted: Deferred[Attempt]) -> float:
    found: list[Any] = []
    admitted.addBoth(found.append)
    (failure,) = found
    assert isinstance(failure.value, Slowed)
    return failure.value.retry_after


def test_each_failure_doubles_the_delay_up_to_the_longest() -> None:
    world = World()
    delays = []
    for number in range(6):
        admitted = world.admit()
        world.clock.pump([0.1] * 200)
        fail_with(admitted, b"%d" % number)
        delays.append(world.waits())
    assert delays == pytest.approx([2, 4, 8, 15, 15, 15], abs=0.11)


def test_the_delay_counts_from_the_failure() -> None:
    world = World()
    world.fail()
    world.clock.advance(1.5)
    assert world.waits() == pytest.approx(0.5, abs=0.11)
    world.begun().right()


def test_a_quiet_minute_forgets() -> None:
    world = World()
    world.fail()
    world.clock.advance(rules.FORGET)
    world.begun().wrong(b"again")
    assert world.waits() == pytest.approx(2, abs=0.11)


def test_the_address_and_the_user_are_slowed_each_by_itself() -> None:
    world = World()
    world.fail(HERE, "anna")
    assert world.waits(HERE, "ben") > 1
    world = World()
    world.fail(HERE, "anna")
    assert world.waits(THERE, "ANNA") > 1
    world = World()
    world.fail(HERE, "anna")
    assert world.waits(THERE, "ben") == 0


def test_the_same_wrong_password_is_not_counted_again() -> None:
    world = World()
    world.fail(wrong=b"stale")
    for _ in range(5):
        admitted = world.admit()
        world.clock.advance(2)
        fail_with(admitted, b"stale")
    world.begun().wrong(b"another")
    assert world.waits() == pytest.approx(4, abs=0.11)


def test_who_was_right_here_does_not_wait_for_what_others_do_elsewhere() -> None:
    world = World()
    world.begun(HERE, "anna").right()
    world.fail(THERE, "anna")
    world.begun(HERE, "anna").wrong(b"a slip")
    world.clock.advance(20)
    world.fail(THERE, "anna")
    assert world.waits(HERE, "anna") > 1


def test_a_claim_that_cannot_be_guessed_waits_for_no_users_failures() -> None:
    world = World()
    world.fail(THERE, "anna")
    world.begun(HERE, None).wrong(b"token")
    assert world.waits(HERE, None) == pytest.approx(2, abs=0.11)


def test_many_guesses_at_once_gain_nothing() -> None:
    world = World()
    attempts = [world.admit() for _ in range(20)]
    assert [one.called for one in attempts] == [True] * rules.TOGETHER + [False] * 16
    for number, one in enumerate(attempts):
        fail_with(one, b"%d" % number)
    assert sum(one.called for one in attempts) == rules.TOGETHER
    world.clock.advance(14.9)
    assert sum(one.called for one in attempts) == rules.TOGETHER
    world.clock.advance(0.1)
    assert sum(one.called for one in attempts) == rules.TOGETHER + 1


def test_right_logins_go_on_one_after_the_other_when_the_delay_is_over() -> None:
    world = World()
    world.fail(HERE, "eve")
    attempts = [world.admit(HERE, f"user{number}") for number in range(rules.MAX_WAITING_SLOWED)]
    world.clock.advance(2)
    for one in attempts:
        assert one.called
        one.addCallback(Attempt.right)


def test_one_too_many_waiting_is_refused_at_once() -> None:
    world = World()
    world.fail()
    waiting = [world.admit() for _ in range(rules.MAX_WAITING_SLOWED)]
    assert not any(one.called for one in waiting)
    assert refused(world.admit()) == 2
    assert refused(world.admit(THERE)) == 2
    assert outcomes(world.metrics) == {"slowed": rules.MAX_WAITING_SLOWED, "refused": 2}
    world.begun(THERE, "ben")


def test_one_too_many_waiting_in_all_is_refused_at_once() -> None:
    world = World()
    for number in range(rules.MAX_WAITING):
        address = f"10.{number >> 8}.{number & 255}.1"
        world.fail(address, None)
        assert not world.admit(address, None).called
    world.fail("192.0.2.99", None)
    assert refused(world.admit("192.0.2.99", None)) == 2


def test_patience_ends() -> None:
    world = World()
    held = world.begun()
    held.wrong(b"1")
    first, second = world.admit(), world.admit()
    world.clock.advance(2)
    assert first.called
    # which is never done
    world.clock.advance(rules.PATIENCE - 2.1)
    assert not second.called
    world.clock.advance(0.2)
    assert refused(second) == 2
    assert not world.clock.getDelayedCalls()


def test_ipv6_counts_by_its_64_bits_and_ipv4_within_it_as_ipv4() -> None:
    world = World()
    world.fail("2001:db8::1", None)
    assert world.waits("2001:db8::ffff:1", None) > 1
    world.begun("2001:db8:0:1::1", None)
    world.fail(HERE, None)
    assert world.waits(f"::ffff:{HERE}", None) > 1


def test_a_local_socket_has_no_address_to_slow() -> None:
    world = World()
    world.fail("", "anna")
    world.begun("", "ben").right()
    assert world.waits("", "anna") > 1


def test_exempt_networks_have_no_gate_but_users_have() -> None:
    world = World(exempt=(ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::/32")))
    world.fail(HERE, "anna")
    world.fail(HERE, "ben")
    world.fail("2001:db8::1", "cai")
    assert world.waits(HERE, "anna") > 1


def test_loopback_is_not_exempt() -> None:
    world = World()
    world.fail("127.0.0.1", "anna")
    assert world.waits("127.0.0.1", "ben") > 1


def test_without_a_penalty_nobody_waits() -> None:
    world = World(longest=0)
    for _ in range(200):
        world.fail()
    assert all(world.admit().called for _ in range(200))


def test_what_is_remembered_is_bounded() -> None:
    world = World()
    for number in range(rules.MAX_GATES + 100):
        world.fail(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", None)
    assert len(world.penalty._gates) == rules.MAX_GATES
    for number in range(rules.MAX_KNOWN + 100):
        world.begun(f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}", f"user{number}").right()
    assert len(world.penalty._known) == rules.MAX_KNOWN


def test_whoever_waits_is_not_forgotten_to_make_room() -> None:
    world = World()
    world.fail(HERE, None)
    waiting = world.admit(HERE, None)
    for number in range(rules.MAX_GATES + 10):
        world.begun(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", None).dropped()
    world.clock.advance(2)
    assert waiting.called
