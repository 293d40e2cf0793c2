"""Tickets: once, for a minute, for whom they were made, and no longer than what made them."""

from __future__ import annotations

import attrs
from twisted.internet.task import Clock

from jmapd.auth.principal import Principal
from jmapd.auth.tickets import MAX_OF_USER, MAX_TICKETS, Tickets

HERE, THERE = "192.0.2.1", "192.0.2.2"
ANNA = Principal(1, "anna@localhost")
BEN = Principal(2, "ben@localhost")


def made_at(seconds: float = 1000.0, *, bind: bool = False) -> tuple[Clock, Tickets]:
    clock = Clock()
    clock.advance(seconds)
    return clock, Tickets(clock, 60.0, bind_to_address=bind)


def test_a_ticket_opens_once() -> None:
    _, tickets = made_at()
    made = tickets.make(ANNA, HERE)
    assert (made.client_address, made.generated_on, made.valid_until) == (HERE, 1000.0, 1060.0)
    assert made.username == "anna@localhost"
    assert made.value not in repr(made)
    assert tickets.take(made.value, THERE) == ANNA
    assert tickets.take(made.value, THERE) is None
    assert tickets.take("nothing", HERE) is None


def test_a_ticket_is_who_made_it_with_scope_and_end() -> None:
    _, tickets = made_at()
    reader = Principal(1, "anna@localhost", "token:t1", read_only=True, expires=5000.0, proved=990.0)
    taken = tickets.take(tickets.make(reader, HERE).value, HERE)
    assert taken is not None
    assert attrs.astuple(taken) == attrs.astuple(reader)


def test_a_ticket_is_good_for_its_time() -> None:
    clock, tickets = made_at()
    first, second = tickets.make(ANNA, HERE), tickets.make(ANNA, HERE)
    clock.advance(59.9)
    assert tickets.take(first.value, HERE) == ANNA
    clock.advance(0.1)
    assert tickets.take(second.value, HERE) is None


def test_a_ticket_is_good_no_longer_than_the_credential_that_made_it() -> None:
    clock, tickets = made_at()
    made = tickets.make(attrs.evolve(ANNA, expires=1010.0), HERE)
    assert made.valid_until == 1010.0
    clock.advance(10)
    assert tickets.take(made.value, HERE) is None


def test_a_ticket_that_is_bound_opens_only_from_its_address() -> None:
    _, tickets = made_at(bind=True)
    made = tickets.make(ANNA, HERE)
    assert tickets.take(made.value, THERE) is None
    assert tickets.take(made.value, None) is None
    assert tickets.take(made.value, HERE) == ANNA


def test_only_its_owner_can_revoke_a_ticket() -> None:
    _, tickets = made_at()
    made = tickets.make(ANNA, HERE)
    assert not tickets.revoke(made.value, BEN)
    assert tickets.revoke(made.value, ANNA)
    assert not tickets.revoke(made.value, ANNA)
    assert tickets.take(made.value, HERE) is None


def test_tickets_go_with_the_credential_that_made_them() -> None:
    _, tickets = made_at()
    token = attrs.evolve(ANNA, credential="token:t1")
    by_password, by_token, bens = (tickets.make(one, HERE).value for one in (ANNA, token, BEN))
    tickets.forget(1, "token:t1")
    assert tickets.take(by_token, HERE) is None
    assert tickets.take(by_password, HERE) == ANNA
    again = tickets.make(token, HERE).value
    tickets.forget(1, None)
    assert tickets.take(again, HERE) is None
    assert tickets.take(bens, HERE) == BEN


def test_a_users_tickets_are_bounded() -> None:
    _, tickets = made_at()
    bens = tickets.make(BEN, HERE).value
    first, second, *_, last = [tickets.make(ANNA, HERE).value for _ in range(MAX_OF_USER + 1)]
    assert tickets.take(first, HERE) is None
    assert [tickets.take(one, HERE) for one in (second, last, bens)] == [ANNA, ANNA, BEN]


def test_all_tickets_are_bounded_and_those_out_of_date_go_first() -> None:
    clock, tickets = made_at()
    for user in range(MAX_TICKETS):
        tickets.make(Principal(user, "x"), HERE)
    kept = tickets.make(BEN, HERE).value
    assert len(tickets._kept) == MAX_TICKETS
    clock.advance(30)
    late = tickets.make(ANNA, HERE).value
    clock.advance(30)
    tickets.make(ANNA, HERE)
    assert len(tickets._kept) == 2
    assert tickets.take(kept, HERE) is None
    assert tickets.take(late, HERE) == ANNA
    assert not clock.getDelayedCalls()
