"""The time that HTTP/2 connections share."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from jmapd.http2.shift import SHARE, TURN, Shift


@attrs.define(eq=False)
class Reactor:
    """What is asked for at once is done in the next turn; time goes by only where somebody works."""

    now: float = 0.0
    calls: list[Callable[[], None]] = attrs.field(factory=list)

    def seconds(self) -> float:
        return self.now

    def callLater(self, delay: float, callable: Callable[[], None]) -> Callable[[], None]:
        assert not delay
        self.calls.append(callable)
        return callable

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for one in calls:
            one()


@attrs.define(eq=False)
class Worker:
    """Takes all the time it is given until its work is done."""

    clock: Reactor
    shift: Shift
    left: float
    worked: list[float] = attrs.field(factory=list)

    def work(self) -> None:
        time = min(self.left, self.shift.until() - self.clock.seconds())
        self.worked.append(time)
        self.left -= time
        self.clock.now += time
        if self.left > 1e-9:
            self.shift.stand_behind(self.work)


def test_all_together_take_no_more_than_a_turn_and_each_its_share() -> None:
    clock = Reactor()
    shift = Shift(clock)
    workers = [Worker(clock, shift, 10 * SHARE) for _ in range(10)]
    for worker in workers:
        shift.stand_behind(worker.work)
    turns = 0
    while shift.is_busy:
        before = clock.seconds()
        clock.turn()
        turns += 1
        assert clock.seconds() - before <= TURN + 1e-9
    assert all(time <= SHARE + 1e-9 for worker in workers for time in worker.worked)
    assert turns >= 10 * 10 * SHARE / TURN
    # none is done long before another one
    assert {len(worker.worked) for worker in workers} <= {10, 11, 12}


def test_who_has_left_is_not_called() -> None:
    clock = Reactor()
    shift = Shift(clock)
    gone, there = (Worker(clock, shift, SHARE) for _ in range(2))
    for worker in (gone, there):
        shift.stand_behind(worker.work)
    shift.leave(gone.work)
    clock.turn()
    assert (gone.worked, len(there.worked)) == ([], 1)
    assert not shift.is_busy
    assert not clock.calls
