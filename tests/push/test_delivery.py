"""One PushSubscription and its pace, driven by a Clock."""

from __future__ import annotations

from typing import Any

import attrs
import orjson
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from jmapd.protocol import statechange
from jmapd.protocol.encryption import MAX_MESSAGE
from jmapd.push.delivery import RETRY_SECONDS, Delivery, Pace, pieces
from jmapd.push.hub import Hub
from jmapd.push.post import Outcome
from jmapd.push.throttle import ThrottleService
from jmapd.workers.pool import OperationRefused, Reply

EPOCH = "e1"
TAKEN = Outcome(201)


@attrs.define(eq=False)
class Device:
    """A PushSubscription whose POSTs the test answers.

    :ivar now: the states of the store.
    :ivar told: the pushStates that were noted.
    :ivar unreadable: whether the workers cannot say the states.
    """

    clock: Clock = attrs.field(factory=Clock)
    now: dict[str, dict[str, int]] = attrs.field(factory=lambda: {"a": {"Email": 5}})
    posts: list[tuple[float, dict[str, Any], Deferred[Outcome]]] = attrs.field(factory=list)
    told: list[str] = attrs.field(factory=list)
    gone: bool = False
    unreadable: bool = False
    hub: Hub = attrs.field(init=False)
    delivery: Delivery = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.hub = Hub(self.clock.seconds)
        throttle = ThrottleService(self.clock, self.hub, 0)
        pool: Any = self
        push_state = statechange.push_state(EPOCH, {"a": 5})
        self.delivery = Delivery(
            self.clock, pool, self.hub, throttle, 1, None, push_state, self.post, self.is_gone, self.told.append
        )
        self.delivery.begin()

    def perform(self, operation: str, arguments: dict[str, Any]) -> Deferred[Reply]:
        """What the pool says of the states."""
        if self.unreadable:
            return fail(OperationRefused("unavailable"))
        states = {account: dict(types) for account, types in self.now.items()}
        return succeed(Reply({"epoch": EPOCH, "accounts": states}, b""))

    def post(self, message: bytes) -> Deferred[Outcome]:
        answer: Deferred[Outcome] = Deferred()
        self.posts.append((self.clock.seconds(), orjson.loads(message), answer))
        return answer

    def is_gone(self) -> None:
        self.gone = True

    def change(self, modseq: int, account: str = "a") -> None:
        self.now.setdefault(account, {})["Email"] = modseq
        self.hub.announce({account: {"Email": modseq}})

    def answer(self, outcome: Outcome = TAKEN) -> None:
        """Answer the last POST."""
        self.posts[-1][2].callback(outcome)

    @property
    def states(self) -> list[Any]:
        """What each POST has said of the account."""
        return [change["changed"]["a"]["Email"] for _, change, _ in self.posts]


def test_one_post_follows_the_other_and_what_changes_meanwhile_is_gathered() -> None:
    device = Device()
    assert device.posts == []
    device.change(6)
    device.change(7)
    device.change(8)
    assert device.states == ["e1-6"]
    device.answer()
    assert device.states == ["e1-6", "e1-8"]
    device.answer()
    assert len(device.posts) == 2
    assert device.told == ["e1.a:6", "e1.a:8"]


def test_what_changed_before_is_told_first() -> None:
    device = Device(now={"a": {"Email": 9}})
    assert device.states == ["e1-9"]


def test_what_was_not_taken_is_told_again_with_what_came_after() -> None:
    device = Device()
    device.change(6)
    device.answer(Outcome(503))
    device.change(7)
    assert device.states == ["e1-6"]
    device.clock.advance(Pace.FIRST)
    assert device.states == ["e1-6", "e1-7"]
    assert device.told == []
    device.answer()
    assert device.told == ["e1.a:7"]


def test_rfc8620_7_2_after_429_the_frequency_must_be_reduced() -> None:
    device = Device()
    device.change(6)
    device.answer(Outcome(429, retry_after=100))
    device.clock.advance(99)
    assert len(device.posts) == 1
    device.clock.advance(1)
    assert len(device.posts) == 2
    # and it stays reduced when one has been taken
    device.answer()
    device.change(7)
    assert len(device.posts) == 2
    device.clock.advance(50)
    assert device.states == ["e1-6", "e1-6", "e1-7"]


def test_a_push_service_that_is_down_is_asked_ever_less() -> None:
    pace, waited = Pace(), []
    for _ in range(20):
        pace.failed(0)
        waited.append(pace.seconds)
    assert waited[:3] == [2, 4, 8]
    assert waited[-1] == Pace.LONGEST
    for _ in range(20):
        pace.succeeded()
    assert pace.seconds == 0


def test_who_is_gone_is_posted_nothing_more() -> None:
    device = Device()
    device.change(6)
    device.answer(Outcome(410))
    assert device.gone
    device.change(7)
    device.clock.advance(10_000)
    assert len(device.posts) == 1


def test_what_is_stopped_sends_nothing_more() -> None:
    device = Device()
    device.change(6)
    device.delivery.stop()
    assert device.posts[-1][2].called
    device.change(7)
    device.clock.advance(10_000)
    assert len(device.posts) == 1
    assert device.clock.getDelayedCalls() == []


def test_when_the_states_cannot_be_read_one_post_follows_the_other_all_the_same() -> None:
    device = Device()
    device.change(6)
    device.unreadable = True
    device.delivery.accesses_changed()
    device.unreadable = False
    device.clock.advance(RETRY_SECONDS)
    assert len(device.posts) == 1
    device.change(7)
    device.answer()
    assert device.states == ["e1-6", "e1-7"]


def test_states_that_cannot_be_read_are_read_after_a_while() -> None:
    device = Device()
    device.unreadable = True
    device.delivery.accesses_changed()
    device.clock.advance(RETRY_SECONDS - 1)
    device.unreadable = False
    device.change(6)
    assert device.posts == []
    device.clock.advance(1)
    assert device.states == ["e1-6"]


def test_what_is_stopped_while_the_states_cannot_be_read_begins_no_more() -> None:
    device = Device()
    device.change(6)
    device.unreadable = True
    device.delivery.accesses_changed()
    device.answer(Outcome(503))
    device.delivery.stop()
    assert device.clock.getDelayedCalls() == []


def test_other_types_wait_until_what_is_under_way_has_ended() -> None:
    device = Device()
    device.change(6)
    device.delivery.tell_of(frozenset(("Mailbox",)))
    device.hub.announce({"a": {"Mailbox": 7}})
    assert len(device.posts) == 1
    device.now["a"]["Mailbox"] = 7
    device.answer()
    ((_, change, _),) = device.posts[1:]
    assert change["changed"] == {"a": {"Mailbox": "e1-7"}}


def test_a_long_change_is_told_whole_before_it_counts_as_told() -> None:
    many = {f"a{number}": {"Email": 5} for number in range(200)}
    device = Device(now={"a": {"Email": 5}, **many})
    device.clock.advance(0)
    seen: dict[str, Any] = {}
    while device.posts and not device.posts[-1][2].called:
        seen |= device.posts[-1][1]["changed"]
        assert device.told == []
        device.answer()
    assert seen.keys() == many.keys()
    assert len(device.posts) > 1
    assert len(device.told) == 1


changes = st.dictionaries(
    st.text("abc123", min_size=1, max_size=200),
    st.dictionaries(st.text("XYZ", min_size=1, max_size=200), st.integers(0, 2**53).map(str), min_size=1, max_size=30),
    min_size=1,
    max_size=60,
)


@given(changes)
def test_pieces_fit_and_say_the_whole(changed: dict[str, dict[str, str]]) -> None:
    said: dict[str, dict[str, str]] = {}
    for piece in pieces({"@type": "StateChange", "changed": changed}):
        assert len(piece) <= MAX_MESSAGE
        change = orjson.loads(piece)
        assert change["@type"] == "StateChange"
        for account, types in change["changed"].items():
            assert not said.get(account, {}).keys() & types.keys()
            said.setdefault(account, {}).update(types)
    assert said == changed
