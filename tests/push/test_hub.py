"""The hub and the throttle, driven by a Clock."""

from __future__ import annotations

from typing import Any

import attrs
import orjson
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twisted.internet.task import Clock

from jmapd.protocol import statechange
from jmapd.push.hub import Hub, Subscription
from jmapd.push.throttle import MAX_TICK, ThrottleService

EPOCH, THROTTLE = "e1", 1.0
TICK = min(THROTTLE / 20, MAX_TICK)
NOW = {"a": {"Email": 5, "Mailbox": 3}}


@attrs.define(eq=False)
class Client:
    """Keeps what it is pushed.

    :param reads: whether it can be sent to.
    """

    clock: Clock
    reads: bool = True
    got: list[tuple[float, dict[str, Any]]] = attrs.field(factory=list)

    def push(self, message: bytes) -> bool:
        if self.reads:
            self.got.append((self.clock.seconds(), orjson.loads(message)))
        return self.reads

    @property
    def changes(self) -> list[Any]:
        return [change["changed"] for _, change in self.got]


@attrs.define
class World:
    clock: Clock = attrs.field(factory=Clock)
    hub: Hub = attrs.field(init=False)
    throttle: ThrottleService = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.hub = Hub(self.clock.seconds)
        self.throttle = self.hub.throttle = ThrottleService(self.clock, self.hub, THROTTLE)

    def subscribe(
        self,
        push_state: str | None = None,
        types: frozenset[str] | None = None,
        states: statechange.Modseqs = NOW,
    ) -> tuple[Client, Subscription]:
        client = Client(self.clock)
        subscription = self.hub.register(client, types)
        self.hub.start(subscription, EPOCH, states, push_state)
        return client, subscription


@pytest.fixture
def world() -> World:
    return World()


def test_rfc8887_4_3_5_1_a_change_is_pushed_with_its_state_and_the_token(world: World) -> None:
    client, _ = world.subscribe()
    world.hub.announce({"a": {"Email": 6}})
    ((_, change),) = client.got
    assert change["@type"] == "StateChange"
    assert change["changed"] == {"a": {"Email": "e1-6"}}
    assert statechange.parse_push_state(EPOCH, change["pushState"]) == {"a": 6}


def test_rfc8887_4_3_5_2_only_the_types_asked_for(world: World) -> None:
    client, _ = world.subscribe(types=frozenset({"Email"}))
    world.hub.announce({"a": {"Mailbox": 6}})
    assert client.got == []
    world.hub.announce({"a": {"Mailbox": 7, "Email": 7}})
    assert client.changes == [{"a": {"Email": "e1-7"}}]


def test_an_account_that_is_not_the_users_is_none_of_their_business(world: World) -> None:
    client, _ = world.subscribe()
    world.hub.announce({"b": {"Email": 6}})
    world.clock.advance(5)
    assert client.got == []


@pytest.mark.parametrize("token", [None, "e1.a:5"])
def test_rfc8887_4_3_5_2_no_token_or_the_current_one_brings_nothing(world: World, token: str | None) -> None:
    client, _ = world.subscribe(token)
    world.clock.advance(5)
    assert client.got == []


def test_rfc8887_4_3_5_2_an_older_token_brings_what_changed_since(world: World) -> None:
    client, _ = world.subscribe("e1.a:4")
    assert client.changes == [{"a": {"Email": "e1-5"}}]


@pytest.mark.parametrize("token", ["", "nonsense", "e0.a:5", "e1.b:5"])
def test_rfc8887_4_3_5_2_an_unknown_token_brings_everything(world: World, token: str) -> None:
    client, _ = world.subscribe(token)
    assert client.changes == [{"a": {"Email": "e1-5", "Mailbox": "e1-3"}}]


def test_the_token_of_a_push_is_current_afterwards(world: World) -> None:
    client, _ = world.subscribe("old")
    again, _ = world.subscribe(client.got[0][1]["pushState"])
    assert again.got == []


def test_a_token_says_nothing_of_changes_that_are_still_to_be_announced(world: World) -> None:
    """Mailbox 9 was read by somebody after Email 8 was written, and Email 8's announcement is on its way."""
    client, _ = world.subscribe()
    world.hub.observe({"a": {"Mailbox": 9}})
    world.hub.announce({"a": {"Identity": 7}})
    (_, change) = client.got[0]
    # the client leaves before Email 8 is announced, and comes back
    back, _ = world.subscribe(change["pushState"], states={"a": {"Email": 8, "Mailbox": 9, "Identity": 7}})
    assert back.changes[0]["a"]["Email"] == "e1-8"


def test_what_is_announced_while_the_past_is_read_is_told(world: World) -> None:
    client = Client(world.clock)
    subscription = world.hub.register(client, None)
    world.hub.announce({"a": {"Email": 6}, "b": {"Email": 9}})
    for states in (NOW, {"a": {"Email": 6, "Mailbox": 3}}):
        world.hub.start(subscription, EPOCH, states, None)
    assert client.changes == [{"a": {"Email": "e1-6"}}]


def test_nothing_older_than_what_was_seen_is_told(world: World) -> None:
    client = Client(world.clock)
    subscription = world.hub.register(client, None)
    world.hub.observe({"a": {"Email": 8}})
    world.hub.start(subscription, EPOCH, NOW, "e1.a:2")
    assert client.changes == [{"a": {"Email": "e1-8", "Mailbox": "e1-3"}}]


def test_raising_marks_nobody(world: World) -> None:
    client, _ = world.subscribe()
    world.hub.observe({"a": {"Email": 9}})
    world.clock.advance(5)
    assert client.got == []
    world.hub.announce({"a": {"Email": 9}})
    assert client.changes == [{"a": {"Email": "e1-9"}}]


def test_what_follows_within_the_throttle_is_gathered(world: World) -> None:
    client, _ = world.subscribe()
    world.hub.announce({"a": {"Email": 6}})
    for modseq in range(7, 12):
        world.clock.advance(0.1)
        world.hub.announce({"a": {"Email": modseq}})
    world.hub.announce({"a": {"Mailbox": 12}})
    assert len(client.got) == 1
    world.clock.pump([TICK] * 30)
    assert client.changes[1:] == [{"a": {"Email": "e1-b", "Mailbox": "e1-c"}}]
    assert THROTTLE <= client.got[1][0] - client.got[0][0] <= THROTTLE + 2 * TICK
    # and the clock rests
    assert world.clock.getDelayedCalls() == []


@pytest.mark.parametrize("throttle", [THROTTLE / 5, THROTTLE * 3, 0])
def test_another_throttle_is_in_force_at_once(world: World, throttle: float) -> None:
    client, _ = world.subscribe()
    world.hub.announce({"a": {"Email": 6}})
    world.hub.announce({"a": {"Email": 7}})
    world.throttle.set(throttle)
    world.clock.pump([TICK / 10] * 1000)
    assert throttle <= client.got[1][0] - client.got[0][0] <= throttle + 2 * TICK
    assert world.clock.getDelayedCalls() == []


def test_a_throttle_of_nothing_gathers_nothing() -> None:
    clock = Clock()
    hub = Hub(clock.seconds)
    hub.throttle = ThrottleService(clock, hub, 0)
    client = Client(clock)
    hub.start(hub.register(client, None), EPOCH, NOW, None)
    for modseq in (6, 7, 8):
        hub.announce({"a": {"Email": modseq}})
    assert len(client.got) == 3


def test_who_cannot_take_it_gets_the_latest_when_ready(world: World) -> None:
    client, subscription = world.subscribe()
    client.reads = False
    for modseq in (6, 7):
        world.hub.announce({"a": {"Email": modseq}})
        world.clock.advance(2)
    client.reads = True
    world.hub.ready(subscription)
    world.clock.advance(2)
    assert client.changes == [{"a": {"Email": "e1-7"}}]


def test_who_is_removed_hears_no_more(world: World) -> None:
    client, subscription = world.subscribe()
    world.hub.announce({"a": {"Email": 6}})
    world.hub.announce({"a": {"Email": 7}})
    world.hub.remove(subscription)
    world.clock.advance(5)
    world.hub.announce({"a": {"Email": 8}})
    assert len(client.got) == 1


def test_an_account_that_comes_into_sight_is_told_of_and_followed(world: World) -> None:
    client, subscription = world.subscribe()
    assert world.hub.reread(subscription)
    world.hub.announce({"b": {"Email": 9}})
    world.hub.rejoin(subscription, {**NOW, "b": {"Email": 8, "Mailbox": 2}})
    assert client.changes == [{"b": {"Email": "e1-9", "Mailbox": "e1-2"}}]
    world.clock.advance(5)
    world.hub.announce({"b": {"Email": 10}})
    world.clock.advance(5)
    assert client.changes[1:] == [{"b": {"Email": "e1-a"}}]


def test_nothing_more_is_told_of_an_account_that_is_out_of_sight(world: World) -> None:
    both = {**NOW, "b": {"Email": 8}}
    client, subscription = world.subscribe(states=both)
    world.hub.reread(subscription)
    world.hub.rejoin(subscription, NOW)
    world.hub.announce({"b": {"Email": 9}})
    world.clock.advance(5)
    assert client.got == []
    assert "b" not in world.hub._accounts
    # and all of it when it can be seen again, for what it knew may be long ago
    world.hub.reread(subscription)
    world.hub.rejoin(subscription, both)
    assert client.changes == [{"b": {"Email": "e1-8"}}]


def test_accounts_that_change_while_they_are_read_are_read_again(world: World) -> None:
    client = Client(world.clock)
    subscription = world.hub.register(client, None)
    assert not world.hub.reread(subscription)
    world.hub.start(subscription, EPOCH, NOW, None)
    assert subscription.stale
    assert world.hub.reread(subscription)
    assert not world.hub.reread(subscription)
    world.hub.remove(subscription)
    world.hub.rejoin(subscription, {"b": {"Email": 8}})
    assert world.hub._accounts == {}


def test_one_client_in_trouble_does_not_keep_others_from_hearing(world: World) -> None:
    broken, _ = world.subscribe()
    broken.got = None  # type: ignore[assignment]  # the trouble
    client, _ = world.subscribe()
    world.hub.announce({"a": {"Email": 6}})
    assert len(client.got) == 1


def test_nothing_is_kept_of_accounts_that_nobody_listens_to(world: World) -> None:
    world.hub.observe({"a": {"Email": 6}})
    starting = world.hub.register(Client(world.clock), None)
    for number in range(100):
        world.hub.observe({f"x{number}": {"Email": 6}})
    _, subscription = world.subscribe()
    world.hub.remove(subscription)
    world.hub.remove(starting)
    assert world.hub._accounts == {}
    assert world.hub._unclaimed == set()


def test_300_subscribers_hear_of_a_change_at_once_and_share_its_bytes(world: World) -> None:
    clients = [world.subscribe()[0] for _ in range(300)]
    world.hub.announce({"a": {"Email": 6}})
    assert len(world.hub._rendered) == 1
    assert all(client.changes == [{"a": {"Email": "e1-6"}}] for client in clients)


class Machine(RuleBasedStateMachine):
    """Writers, readers and clients in any order; commits are numbered, and announced in order, later."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.modseq = 10
        self.states: dict[str, dict[str, int]] = {"a": {"Email": 9, "Mailbox": 8}, "b": {"Email": 10}}
        self.unannounced: list[statechange.Modseqs] = []
        self.clients: list[tuple[Client, Subscription]] = []
        self.starting: list[tuple[Client, Subscription]] = []
        # for each client and key the highest modseq announced since it began, and when
        self.owed: dict[Client, dict[tuple[str, str], tuple[int, float]]] = {}
        # for each client and account the modseq up to which it needed not be told anything
        self.knew: dict[Client, dict[str, int]] = {}

    types = st.sampled_from(["Email", "Mailbox", "Thread"])
    accounts = st.sampled_from(["a", "b"])

    @rule(account=accounts, type=types)
    def commit(self, account: str, type: str) -> None:
        self.modseq += 1
        self.states[account][type] = self.modseq
        self.unannounced.append({account: {type: self.modseq}})

    @rule(account=accounts, type=types)
    def somebody_reads(self, account: str, type: str) -> None:
        if type in self.states[account]:
            self.world.hub.observe({account: {type: self.states[account][type]}})

    @rule()
    def announce(self) -> None:
        if self.unannounced:
            change = self.unannounced.pop(0)
            ((account, types),) = change.items()
            ((type, modseq),) = types.items()
            for client in self.owed:
                self.owed[client][account, type] = (modseq, self.world.clock.seconds())
            self.world.hub.announce(change)

    @rule()
    def register(self) -> None:
        client = Client(self.world.clock)
        self.starting.append((client, self.world.hub.register(client, None)))
        self.owed[client] = {}

    @rule(catching_up=st.booleans())
    def start(self, catching_up: bool) -> None:
        if self.starting:
            client, subscription = self.starting.pop(0)
            states = {account: dict(types) for account, types in self.states.items()}
            self.world.hub.start(subscription, EPOCH, states, "unknown" if catching_up else None)
            self.clients.append((client, subscription))
            self.knew[client] = {
                account: -1 if catching_up else max(types.values()) for account, types in states.items()
            }
            now = self.world.clock.seconds()
            self.owed[client] = {key: (modseq, now) for key, (modseq, _) in self.owed[client].items()}

    @rule(seconds=st.floats(0.01, 1.5))
    def pass_time(self, seconds: float) -> None:
        steps = int(seconds / TICK)
        self.world.clock.pump([TICK] * steps)

    @rule(data=st.data())
    def leave_and_come_back(self, data: st.DataObject) -> None:
        """The token brings all that was committed since the push that it came with."""
        if not self.clients:
            return
        client, subscription = self.clients.pop(data.draw(st.integers(0, len(self.clients) - 1)))
        self.world.hub.remove(subscription)
        del self.owed[client]
        if not client.got:
            return
        back, again = self.world.subscribe(client.got[-1][1]["pushState"], states=self.states)
        self.clients.append((back, again))
        self.owed[back] = {}
        self.knew[back] = self.knew.pop(client)
        told = self.told(client) | self.told(back)
        for account, types in self.states.items():
            for type, modseq in types.items():
                if modseq > self.knew[back][account]:
                    assert told[account, type] == modseq
        back.got[:0] = client.got

    def told(self, client: Client) -> dict[tuple[str, str], int | None]:
        return {
            (account, type): statechange.modseq(EPOCH, state)
            for _, change in client.got
            for account, types in change["changed"].items()
            for type, state in types.items()
        }

    @invariant()
    def states_only_rise(self) -> None:
        for client, _ in getattr(self, "clients", []):
            last: dict[tuple[str, str], int] = {}
            for _, change in client.got:
                for account, types in change["changed"].items():
                    for type, state in types.items():
                        modseq = statechange.modseq(EPOCH, state)
                        assert modseq is not None
                        assert modseq > last.get((account, type), -1)
                        last[account, type] = modseq

    @invariant()
    def announced_changes_arrive_within_the_throttle(self) -> None:
        for client, subscription in getattr(self, "clients", []):
            for (account, type), (modseq, since) in self.owed[client].items():
                if self.world.clock.seconds() - since > THROTTLE + 2 * TICK:
                    assert subscription.told(account, type) >= modseq


Machine.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMachine = Machine.TestCase
