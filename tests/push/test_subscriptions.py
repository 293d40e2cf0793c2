"""All PushSubscriptions, kept up with: a store and a push service of the test's own, driven by a Clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import attrs
import orjson
import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from jmapd.push.delivery import RETRY_SECONDS
from jmapd.push.hub import Hub
from jmapd.push.post import Outcome
from jmapd.push.subscriptions import AT_ONCE, PushSubscriptions
from jmapd.push.told import NOTE_SECONDS
from jmapd.workers.pool import OperationRefused, Reply

ENDS = 10**15


def subscribed(number: int, **other: Any) -> dict[str, Any]:
    """A PushSubscription, as the workers describe it."""
    described: dict[str, Any] = {
        "number": number,
        "id": f"p{number}",
        "url": f"https://push.example.org/{number}",
        "keys": None,
        "types": None,
        "ends": ENDS,
        "code": "c0de",
        "verified": False,
        "told": "",
    }
    return {**described, **other}


def verified(number: int, **other: Any) -> dict[str, Any]:
    return subscribed(number, verified=True, code=None, told="e1.a:5", **other)


@attrs.define(eq=False)
class Pool:
    """A store of users' PushSubscriptions.

    :ivar email: the modseq of the Emails of the one account that all see.
    :ivar sent: whose codes have been sent.
    :ivar unmarkable: whether that can be said of none now.
    :ivar waiting: lists that were asked for, where ``slow``: each is answered by calling it.
    """

    users: dict[int, list[dict[str, Any]]]
    asked: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list)
    email: int = 5
    sent: set[int] = attrs.field(factory=set)
    refusing: bool = False
    unmarkable: bool = False
    slow: bool = False
    waiting: deque[Callable[[], None]] = attrs.field(factory=deque)
    push_subscriptions_changed: list[Callable[[int], None]] = attrs.field(factory=list)
    credentials_changed: list[Callable[[int, str | None], None]] = attrs.field(factory=list)
    accesses_changed: list[Callable[[int], None]] = attrs.field(factory=list)

    def perform(self, operation: str, arguments: dict[str, Any]) -> Deferred[Reply]:
        self.asked.append((operation, arguments))
        refused = operation == "push_code" and (self.unmarkable or arguments["subscription"] in self.sent)
        if self.refusing or refused:
            return fail(OperationRefused("unavailable"))
        said: dict[str, Any] = {}
        if operation == "push_users":
            said = {"users": list(self.users)}
        elif operation == "states":
            said = {"epoch": "e1", "accounts": {"a": {"Email": self.email}}}
        elif operation == "push_list":
            # as it is when it is read, not when it is asked for
            said = {"subscriptions": list(self.users.get(arguments["user"], []))}
            if self.slow:
                later: Deferred[Reply] = Deferred()
                self.waiting.append(lambda: later.callback(Reply(said, b"")))
                return later
        return succeed(Reply(said, b""))

    def now(self, user: int, *found: dict[str, Any]) -> None:
        """A user's PushSubscriptions are these now."""
        self.users[user] = list(found)
        for hears in self.push_subscriptions_changed:
            hears(user)

    def count(self, operation: str) -> int:
        return sum(one == operation for one, _ in self.asked)


@attrs.define(eq=False)
class Poster:
    """Keeps what is posted, by the URL's last part; the test answers."""

    posts: list[tuple[str, dict[str, Any], Deferred[Outcome]]] = attrs.field(factory=list)

    def start(self) -> None:
        """Nothing is needed."""

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def post(self, url: str, keys: Any, message: bytes, ttl: int) -> Deferred[Outcome]:
        answer: Deferred[Outcome] = Deferred()
        self.posts.append((url.rpartition("/")[2], orjson.loads(message), answer))
        return answer

    @property
    def to(self) -> list[str]:
        return [url for url, _, _ in self.posts]


@attrs.define(eq=False)
class World:
    pool: Pool
    clock: Clock = attrs.field(factory=Clock)
    poster: Poster = attrs.field(factory=Poster)
    hub: Hub = attrs.field(init=False)
    service: PushSubscriptions = attrs.field(init=False)

    @classmethod
    def begun(cls, **users: list[dict[str, Any]]) -> World:
        """A service that has started, and users by ``u`` and their numbers."""
        made = cls(Pool({int(name[1:]): found for name, found in users.items()}))
        made.service.startService()
        return made

    def __attrs_post_init__(self) -> None:
        pool: Any = self.pool
        poster: Any = self.poster
        self.hub = Hub(self.clock.seconds)
        self.service = PushSubscriptions(self.clock, pool, self.hub, poster, 0)

    def change(self) -> None:
        """The Emails are others."""
        self.pool.email += 1
        self.hub.announce({"a": {"Email": self.pool.email}})


def test_rfc8620_7_2_2_the_code_must_be_sent_at_once_and_is_marked_before() -> None:
    world = World.begun()
    world.pool.now(1, subscribed(7))
    assert world.pool.asked[-1] == ("push_code", {"subscription": 7})
    ((to, message, _),) = world.poster.posts
    assert to == "7"
    assert message == {"@type": "PushVerification", "pushSubscriptionId": "p7", "verificationCode": "c0de"}


def test_rfc8620_7_2_nothing_more_must_be_sent_before_the_code_is_said() -> None:
    world = World.begun()
    world.pool.now(1, subscribed(7))
    world.poster.posts[0][2].callback(Outcome(503))
    world.pool.now(1, subscribed(7, code=None))
    world.change()
    world.clock.advance(10_000)
    assert len(world.poster.posts) == 1


def test_a_code_is_marked_no_sooner_than_it_is_sent() -> None:
    world = World.begun()
    world.pool.now(1, *(subscribed(number) for number in range(AT_ONCE + 1)))
    assert world.pool.count("push_code") == len(world.poster.posts) == AT_ONCE
    # the last is sent by the next server
    world.service.stopService()
    world.poster.posts[0][2].callback(Outcome(201))
    assert world.pool.count("push_code") == len(world.poster.posts) == AT_ONCE


def test_a_code_is_sent_as_soon_as_the_workers_can_mark_it() -> None:
    world = World.begun()
    world.pool.unmarkable = True
    world.pool.now(1, subscribed(7))
    world.pool.unmarkable = False
    assert world.poster.posts == []
    world.clock.advance(RETRY_SECONDS)
    assert world.poster.to == ["7"]


def test_a_code_whose_sending_is_marked_already_is_not_sent() -> None:
    world = World.begun()
    world.pool.sent.add(7)
    world.pool.now(1, subscribed(7))
    assert world.poster.posts == []


def test_those_that_are_there_at_the_start_are_taken_up() -> None:
    world = World.begun(u1=[verified(7)], u2=[verified(8), verified(9)])
    world.change()
    assert sorted(world.poster.to) == ["7", "8", "9"]


def test_one_that_is_gone_is_told_nothing_more() -> None:
    world = World.begun(u1=[verified(7), verified(8)])
    world.pool.now(1, verified(8))
    world.change()
    assert world.poster.to == ["8"]


def test_rfc8620_7_2_whose_credentials_are_revoked_is_told_nothing_more() -> None:
    world = World.begun(u1=[verified(7)])
    world.pool.users[1] = []
    world.pool.credentials_changed[0](1, "password")
    world.change()
    assert world.poster.posts == []
    # of others nothing is asked
    before = len(world.pool.asked)
    world.pool.credentials_changed[0](2, "password")
    assert len(world.pool.asked) == before


def test_rfc8620_7_2_after_the_time_that_it_expires_nothing_must_be_sent() -> None:
    world = World.begun(u1=[verified(7, ends=5000)])
    world.clock.advance(5)
    world.change()
    assert world.poster.posts == []


def test_other_types_hold_from_where_the_client_was_told() -> None:
    world = World.begun(u1=[verified(7, types=["Mailbox"])])
    world.change()
    assert world.poster.posts == []
    world.pool.now(1, verified(7, types=["Email"]))
    ((_, change, _),) = world.poster.posts
    assert change["changed"] == {"a": {"Email": "e1-6"}}


def test_rfc8620_7_2_after_429_other_types_do_not_raise_the_frequency() -> None:
    world = World.begun(u1=[verified(7, types=["Email"])])
    world.change()
    world.poster.posts[0][2].callback(Outcome(429, retry_after=100))
    world.pool.now(1, verified(7))
    world.clock.advance(99)
    assert len(world.poster.posts) == 1
    world.clock.advance(1)
    assert len(world.poster.posts) == 2


def test_a_user_is_posted_for_a_few_times_at_once() -> None:
    world = World.begun(u1=[verified(number) for number in range(AT_ONCE + 3)], u2=[verified(100)])
    world.change()
    assert len(world.poster.posts) == AT_ONCE + 1
    for _, _, answer in list(world.poster.posts):
        answer.callback(Outcome(201))
    assert len(world.poster.posts) == AT_ONCE + 3 + 1


def test_what_changes_while_it_is_read_is_read_again() -> None:
    world = World.begun()
    world.pool.slow = True
    world.pool.now(1, verified(7))
    world.pool.now(1, verified(8))
    world.pool.now(1, verified(9))
    assert len(world.pool.waiting) == 1
    world.pool.waiting.popleft()()
    world.pool.waiting.popleft()()
    assert not world.pool.waiting
    world.change()
    assert world.poster.to == ["9"]


def test_what_cannot_be_read_is_read_later() -> None:
    world = World(Pool({1: [verified(7)]}, refusing=True))
    world.service.startService()
    world.clock.advance(RETRY_SECONDS)
    world.pool.refusing = False
    world.clock.advance(RETRY_SECONDS)
    world.change()
    assert world.poster.to == ["7"]


def test_what_was_told_is_kept_after_a_while_and_at_the_end() -> None:
    world = World.begun(u1=[verified(7)])
    world.change()
    world.poster.posts[-1][2].callback(Outcome(201))
    assert world.pool.count("push_told") == 0
    world.clock.advance(NOTE_SECONDS)
    assert world.pool.asked[-1] == ("push_told", {"told": [(7, "e1.a:6")]})
    world.change()
    world.poster.posts[-1][2].callback(Outcome(201))
    world.service.stopService()
    assert world.pool.asked[-1] == ("push_told", {"told": [(7, "e1.a:7")]})


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("found", [subscribed(7), verified(7)])
def test_where_nobody_is_it_is_destroyed(found: dict[str, Any], status: int) -> None:
    world = World.begun(u1=[found])
    world.change()
    world.poster.posts[0][2].callback(Outcome(status))
    assert world.pool.asked[-1] == ("push_gone", {"user": 1, "subscription": 7})


def test_where_nobody_is_it_is_destroyed_also_when_the_workers_can_do_so_only_later() -> None:
    world = World.begun(u1=[verified(7)])
    world.change()
    world.pool.refusing = True
    world.poster.posts[0][2].callback(Outcome(410))
    world.pool.refusing = False
    world.pool.asked.clear()
    world.clock.advance(RETRY_SECONDS)
    assert world.pool.asked == [("push_gone", {"user": 1, "subscription": 7})]


def test_what_has_stopped_does_nothing_more() -> None:
    world = World.begun(u1=[verified(7), subscribed(8)])
    world.change()
    world.service.stopService()
    before = len(world.poster.posts)
    world.pool.now(1, verified(7), subscribed(9))
    world.change()
    world.clock.advance(10_000)
    assert len(world.poster.posts) == before
    assert world.clock.getDelayedCalls() == []
