"""PushSubscriptions in whatever order: workers and push services answer late, refuse and fail, and clients change their mind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from jmapd.push.post import Outcome
from jmapd.workers.pool import OperationRefused, Reply
from tests.push.test_subscriptions import Pool, World, subscribed

USERS = (1, 2)
ACCOUNTS = ("a", "b")
TYPES = (None, ["Email"], ["Mailbox"])
OUTCOMES = [*[Outcome(201)] * 6, Outcome(503), Outcome(429, retry_after=60), Outcome(410), Outcome(0)]


@attrs.define(eq=False)
class LatePool(Pool):
    """Answers in order, but each time not before the test says so.

    :ivar all: each user's PushSubscriptions, by number.
    :ivar accounts: those that all users see.
    """

    all: dict[int, dict[int, dict[str, Any]]] = attrs.field(factory=lambda: {user: {} for user in USERS})
    accounts: frozenset[str] = frozenset(ACCOUNTS)
    late: list[tuple[Deferred[Reply], str, dict[str, Any]]] = attrs.field(factory=list)

    def perform(self, operation: str, arguments: dict[str, Any]) -> Deferred[Reply]:
        answer: Deferred[Reply] = Deferred()
        self.late.append((answer, operation, arguments))
        return answer

    def answer(self, *, refused: bool = False) -> None:
        """Answer what was asked first."""
        answer, operation, arguments = self.late.pop(0)
        if refused or (operation == "push_code" and not self._marked(arguments["subscription"])):
            answer.errback(OperationRefused("unavailable"))
            return
        answer.callback(Reply(self._said(operation, arguments), b""))
        if operation == "push_gone":
            self.tell(arguments["user"])

    def _said(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if operation == "push_users":
            return {"users": [user for user, found in self.all.items() if found]}
        if operation == "push_list":
            return {"subscriptions": [dict(one) for one in self.all[arguments["user"]].values()]}
        if operation == "states":
            return {"epoch": "e1", "accounts": {account: {"Email": self.email} for account in self.accounts}}
        if operation == "push_gone":
            self.all[arguments["user"]].pop(arguments["subscription"], None)
        return {}

    def _marked(self, number: int) -> bool:
        for found in self.all.values():
            if number in found and found[number]["code"] is not None:
                found[number]["code"] = None
                return True
        return False

    def tell(self, user: int) -> None:
        """A user's PushSubscriptions are others."""
        for hears in self.push_subscriptions_changed:
            hears(user)


class Run:
    """Clients of two users, the workers and the push services; a step is told by a number what to pick."""

    def __init__(self) -> None:
        self.pool = LatePool({})
        self.world = World(self.pool)
        self.world.service.startService()
        self.number = 0

    def _one(self, pick: int) -> tuple[int, dict[str, Any]] | None:
        """Any PushSubscription, and its user."""
        found = [(user, one) for user, all in self.pool.all.items() for one in all.values()]
        return found[pick % len(found)] if found else None

    def _under_way(self) -> list[tuple[str, dict[str, Any], Deferred[Outcome]]]:
        return [one for one in self.world.poster.posts if not one[2].called]

    def make(self, pick: int) -> None:
        user = USERS[pick % len(USERS)]
        self.number += 1
        self.pool.all[user][self.number] = subscribed(self.number)
        self.pool.tell(user)

    def verify(self, pick: int) -> None:
        if (found := self._one(pick)) and not found[1]["verified"]:
            told = f"e1.a:{self.pool.email:x}.b:{self.pool.email:x}"
            found[1].update(verified=True, code=None, told=told)
            self.pool.tell(found[0])

    def ask_for_types(self, pick: int) -> None:
        if found := self._one(pick):
            found[1]["types"] = TYPES[pick % len(TYPES)]
            self.pool.tell(found[0])

    def destroy(self, pick: int) -> None:
        if found := self._one(pick):
            del self.pool.all[found[0]][found[1]["number"]]
            self.pool.tell(found[0])

    def revoke(self, pick: int) -> None:
        user = USERS[pick % len(USERS)]
        self.pool.all[user].clear()
        for hears in self.pool.credentials_changed:
            hears(user, None)

    def share(self, pick: int) -> None:
        self.pool.accounts = frozenset(ACCOUNTS[pick % 3 :])
        for user in USERS:
            for hears in self.pool.accesses_changed:
                hears(user)

    def change(self, pick: int) -> None:
        self.pool.email += 1
        self.world.hub.announce({account: {"Email": self.pool.email} for account in self.pool.accounts})

    def workers_answer(self, pick: int) -> None:
        if self.pool.late:
            self.pool.answer(refused=pick % 10 == 0)

    def push_service_answers(self, pick: int) -> None:
        if found := self._under_way():
            found[pick % len(found)][2].callback(OUTCOMES[pick % len(OUTCOMES)])

    def time_passes(self, pick: int) -> None:
        self.world.clock.advance((0, 1, 5, 20, 4000)[pick % 5])

    def check(self) -> None:
        """What holds at any time."""
        under_way = Counter(to for to, message, _ in self._under_way() if message["@type"] == "StateChange")
        assert max(under_way.values(), default=0) <= 1
        codes = Counter(to for to, message, _ in self.world.poster.posts if message["@type"] == "PushVerification")
        assert max(codes.values(), default=0) <= 1

    def end(self) -> None:
        """In the end all have been told all, and when they are gone nothing of them is left."""
        self.share(0)
        self.change(0)
        self._settle()
        for found in self.pool.all.values():
            for one in found.values():
                assert one["code"] is None
                if one["verified"] and one["types"] != ["Mailbox"]:
                    assert self._told(one["number"]) == dict.fromkeys(ACCOUNTS, f"e1-{self.pool.email:x}")
        for user in range(len(USERS)):
            self.revoke(user)
        self._settle()
        assert self.world.clock.getDelayedCalls() == []
        assert self.world.hub._accounts == {}

    def _settle(self) -> None:
        """All answer well, for as long as anybody waits."""
        while self.pool.late or self._under_way() or self.world.clock.getDelayedCalls():
            while self.pool.late:
                self.pool.answer()
            for _, _, answer in self._under_way():
                answer.callback(Outcome(201))
            self.world.clock.advance(4000)

    def _told(self, number: int) -> dict[str, str]:
        """The states of the Emails that a client knows."""
        known: dict[str, str] = {}
        for to, message, _ in self.world.poster.posts:
            if to == str(number) and message["@type"] == "StateChange":
                known |= {account: types["Email"] for account, types in message["changed"].items()}
        return known


STEPS = (
    *[Run.workers_answer] * 30,
    *[Run.push_service_answers] * 12,
    *[Run.change] * 12,
    *[Run.share] * 6,
    *[Run.make, Run.verify, Run.ask_for_types, Run.time_passes] * 4,
    *[Run.destroy, Run.revoke],
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 29)), min_size=200, max_size=300))
def test_in_the_end_all_are_told_each_code_is_sent_once_and_nothing_stays_behind(
    steps: list[tuple[Callable[[Run, int], None], int]],
) -> None:
    run = Run()
    for step, pick in steps:
        step(run, pick)
        run.check()
    run.end()
