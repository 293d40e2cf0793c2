"""Whose turn it is: RFC 8620's maxConcurrentRequests, and fairness between users."""

from twisted.internet.defer import Deferred

from jmapd.auth.principal import Principal
from jmapd.workers.turns import MAX_WAITING, MAX_WAITING_BYTES, QUICK, SHORT, SLOW, TOGETHER, Job, Origin, Turns


def job(user: int, *, writes: bool = False, held: bool = False, size: int = 1) -> Job:
    origin = Origin(Principal(user, f"user{user}"), held)
    return Job("request", {}, b"x" * size, Deferred(), writes=writes, origin=origin)


def added(turns: Turns, *jobs: Job) -> list[Job]:
    assert all(turns.add(one) for one in jobs)
    return list(jobs)


def next_read(turns: Turns, now: float = 0.0, *, last_reader: bool = False) -> Job | None:
    return turns.next_read(now, last_reader=last_reader)


def test_rfc8620_2_max_concurrent_requests_at_the_limit_and_one_above() -> None:
    turns = Turns(4)
    jobs = added(turns, *(job(1) for _ in range(5)))
    assert [next_read(turns) for _ in range(5)] == [*jobs[:4], None]
    turns.finished(jobs[2])
    assert next_read(turns) is jobs[4]


def test_rfc8620_2_reads_and_writes_count_together() -> None:
    turns = Turns(2)
    read, write, other = added(turns, job(1), job(1, writes=True), job(1))
    assert turns.next_write(1) is None, "requests start in order"
    assert next_read(turns) is read
    assert turns.next_write(1) is write
    assert next_read(turns) is None
    turns.finished(write)
    assert next_read(turns) is other


def test_a_free_reader_goes_to_the_user_who_holds_the_fewest() -> None:
    turns = Turns(4)
    many = added(turns, *(job(1) for _ in range(4)))
    assert [next_read(turns), next_read(turns)] == many[:2]
    (late,) = added(turns, job(2))
    assert next_read(turns) is late
    assert next_read(turns) is many[2]


def test_users_who_hold_as_many_take_turns() -> None:
    turns = Turns(8)
    added(turns, *(job(user) for _ in range(3) for user in (1, 2, 3)))
    served = []
    for _ in range(9):
        one = next_read(turns)
        assert one is not None
        assert one.origin is not None
        served.append(one.origin.principal.user)
    assert [sorted(served[at : at + 3]) for at in (0, 3, 6)] == [[1, 2, 3]] * 3


def test_the_last_reader_is_kept_from_a_user_with_a_slow_request() -> None:
    turns = Turns(4)
    slow, waiting = added(turns, job(1), job(1))
    assert next_read(turns) is slow
    slow.started = 10.0
    assert next_read(turns, 10.0 + SLOW + 0.01, last_reader=True) is None
    (other,) = added(turns, job(2))
    assert next_read(turns, 10.0 + SLOW + 0.01, last_reader=True) is other
    assert next_read(turns, 10.0 + SLOW + 0.01, last_reader=False) is waiting


def test_nothing_of_a_held_connection_starts() -> None:
    turns = Turns(4)
    held, free = added(turns, job(1, held=True), job(1))
    assert next_read(turns) is free
    assert next_read(turns) is None
    assert held.origin is not None
    held.origin.held = False
    turns.released()
    assert next_read(turns) is held


def test_waiting_requests_at_the_limit_and_one_above() -> None:
    turns = Turns(4)
    added(turns, *(job(1) for _ in range(MAX_WAITING)))
    assert not turns.add(job(1))
    assert turns.add(job(2))


def test_waiting_octets_at_the_limit_and_one_above() -> None:
    turns = Turns(4)
    (whole,) = added(turns, job(1, size=MAX_WAITING_BYTES))
    assert not turns.add(job(1))
    assert turns.drop(whole)
    assert turns.add(job(1))


def test_what_waits_is_dropped_and_what_runs_is_not() -> None:
    turns = Turns(1)
    running, waiting = added(turns, job(1), job(1))
    assert next_read(turns) is running
    assert not turns.drop(running)
    assert turns.drop(waiting)
    turns.finished(running)
    assert turns.is_idle()


def quick(turns: Turns, user: int) -> None:
    """Let a user's Requests have taken next to no time lately, with one that runs on."""
    (first,) = added(turns, job(user))
    assert next_read(turns) is first
    for _ in range(100):
        turns.took(first, 0.0)


def test_quick_requests_of_a_user_go_to_a_reader_together_and_count_as_one() -> None:
    turns = Turns(2)
    quick(turns, 1)
    jobs = added(turns, *(job(1) for _ in range(TOGETHER + 1)))
    assert next_read(turns) is jobs[0]
    assert turns.company(jobs[0]) == jobs[1:TOGETHER]
    assert next_read(turns) is None
    for one in jobs[: TOGETHER - 1]:
        turns.finished(one)
    assert next_read(turns) is None, "one of them still runs"
    turns.finished(jobs[TOGETHER - 1])
    assert next_read(turns) is jobs[TOGETHER]


def test_requests_of_which_nothing_is_known_or_that_are_slow_go_alone() -> None:
    turns = Turns(4)
    jobs = added(turns, *(job(1) for _ in range(3)))
    assert next_read(turns) is jobs[0]
    assert turns.company(jobs[0]) == []
    for _ in range(100):
        turns.took(jobs[0], 10 * QUICK)
    assert next_read(turns) is jobs[1]
    assert turns.company(jobs[1]) == []


def test_together_go_only_short_requests_in_order_that_read_and_are_not_held() -> None:
    for other in (job(1, writes=True), job(1, held=True), job(1, size=SHORT + 1)):
        turns = Turns(4)
        quick(turns, 1)
        lead, short, _, _ = added(turns, job(1), job(1, size=SHORT), other, job(1))
        assert next_read(turns) is lead
        assert turns.company(lead) == [short]


def test_what_is_given_back_comes_next_in_its_order() -> None:
    turns = Turns(2)
    quick(turns, 1)
    jobs = added(turns, *(job(1) for _ in range(4)))
    assert next_read(turns) is jobs[0]
    assert turns.company(jobs[0]) == jobs[1:]
    turns.given_back(jobs[1:])
    assert turns.waiting == 3
    assert next_read(turns) is None, "the first one runs on"
    turns.finished(jobs[0])
    assert next_read(turns) is jobs[1]
    assert turns.company(jobs[1]) == jobs[2:]
    for one in jobs[1:]:
        turns.finished(one)
    assert turns.waiting == 0
