"""The heartbeat, driven by a Clock."""

from __future__ import annotations

from itertools import pairwise

import attrs
import pytest
from twisted.internet.task import Clock

from jmapd.web.heartbeat import HeartbeatService
from jmapd.web.messages import CLOSE_TIMEOUT, GOING_AWAY, POLICY_VIOLATION


@attrs.define(eq=False)
class Connection:
    """What the heartbeat sees of a WebSocket."""

    clock: Clock
    heard: float = 0.0
    pinged: float = 0.0
    can_send: bool = True
    aborted: bool = False
    broken: bool = False
    code: int | None = None
    pings: list[float] = attrs.field(factory=list)
    held: bool = False
    hits: list[str] = attrs.field(factory=list)

    @property
    def factory(self) -> Connection:
        return self

    def hit(self, bound: str) -> None:
        self.hits.append(bound)

    def sendPing(self) -> None:
        if self.broken:
            raise AttributeError
        self.pings.append(self.clock.seconds())

    def close(self, code: int, reason: str) -> None:
        assert len(reason) <= 123
        self.code = code
        self.can_send = False
        self.heard = self.clock.seconds()

    def abort(self) -> None:
        self.aborted = True


def beating(count: int, heartbeat: float, timeout: float) -> tuple[Clock, dict[Connection, None]]:
    clock, connections, _ = served(count, heartbeat, timeout)
    return clock, connections


def served(count: int, heartbeat: float, timeout: float) -> tuple[Clock, dict[Connection, None], HeartbeatService]:
    clock = Clock()
    connections = dict.fromkeys(Connection(clock) for _ in range(count))
    service = HeartbeatService(clock, connections, heartbeat, timeout)  # type: ignore[arg-type]  # they are like it
    service.startService()
    return clock, connections, service


def test_one_that_is_gone_is_left_alone_and_one_that_fails_does_not_stop_the_others() -> None:
    clock, connections = beating(10, 5, 10)
    gone, failing, *others = connections
    clock.advance(0.1)
    # the round has begun, with all of them
    gone.can_send = False
    del connections[gone]
    failing.broken = True
    for second in range(60):
        clock.advance(0.5)
        for one in others:
            one.heard = clock.seconds()
        assert second < 20 or all(clock.seconds() - one.pinged <= 5 for one in others)
    assert not gone.aborted
    assert all(one.pings for one in others)


@pytest.mark.parametrize(("heartbeat", "timeout"), [(60, 600), (5, 10), (1, 0), (0.5, 600)])
def test_each_is_pinged_at_least_every_heartbeat(heartbeat: float, timeout: float) -> None:
    clock, connections = beating(7, heartbeat, timeout)
    for _ in range(2000):
        clock.advance(heartbeat / 100)
        for connection in connections:
            connection.heard = clock.seconds()
    for connection in connections:
        times = [0.0, *connection.pings]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert max(gaps) <= heartbeat
        # and not much more often
        assert len(gaps) <= 20 * 2.5


def test_pings_are_spread_over_the_interval() -> None:
    clock, connections = beating(6000, 60, 600)
    most = 0
    for _ in range(600):
        before = sum(len(connection.pings) for connection in connections)
        clock.advance(0.1)
        for connection in connections:
            connection.heard = clock.seconds()
        most = max(most, sum(len(connection.pings) for connection in connections) - before)
    assert most <= 6000 / 20


def test_who_is_silent_for_the_timeout_is_closed_and_who_is_not_stays() -> None:
    clock, (silent, alive) = beating(2, 5, 10)
    for second in range(40):
        clock.advance(0.5)
        alive.heard = clock.seconds()
        if second == 18:
            assert silent.code is None
    assert silent.code == GOING_AWAY
    assert alive.code is None


def test_other_times_are_in_force_for_connections_that_are_there() -> None:
    clock, (connection,), service = served(1, 60, 600)
    clock.pump([0.5] * 40)
    assert connection.pings == []
    service.set(2, 10, 300)
    connection.heard = clock.seconds()
    clock.pump([0.1] * 99)
    assert len(connection.pings) >= 4
    assert connection.code is None
    clock.pump([0.1] * 10)
    assert connection.code == GOING_AWAY


def test_a_timeout_of_nothing_closes_nobody() -> None:
    clock, (connection,) = beating(1, 5, 0)
    clock.pump([1.0] * 10_000)
    assert connection.code is None
    assert connection.pings


def test_who_does_not_read_is_not_taken_for_silent_but_not_waited_for_for_ever() -> None:
    clock, (connection,) = beating(1, 5, 10)
    connection.held = True
    clock.pump([1.0] * 299)
    assert (connection.code, connection.pings) == (None, [])
    clock.pump([1.0] * 5)
    assert connection.code == POLICY_VIOLATION


@pytest.mark.parametrize(("heartbeat", "timeout"), [(5, 10), (0, 0)])
def test_who_does_not_let_the_connection_end_is_aborted(heartbeat: float, timeout: float) -> None:
    clock, (connection,) = beating(1, heartbeat, timeout)
    connection.close(1000, "")
    clock.pump([0.5] * 6)
    assert not connection.aborted
    clock.pump([0.5] * 2 * (CLOSE_TIMEOUT + 60))
    assert connection.aborted
