"""Subscriptions, and the latest state of every type that anybody has asked for or been told of.

An announcement makes every subscription due whose own last sent state is older, whatever the hub knew before. What
is sent is made from the latest states at the moment of sending, so nobody is told a state older than one they have
seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

import attrs
import orjson
from twisted.logger import Logger

from jmapd.observe.metrics import Metrics
from jmapd.protocol import statechange
from jmapd.protocol.statechange import Modseqs

UNKNOWN = -1
"""The modseq of a client that knows nothing."""

MAX_RENDERED = 1000
"""How many StateChange objects are kept for others who are told the same."""

_log = Logger()

News = tuple[tuple[str, str, int], ...]
"""What somebody is to be told: accounts, types and their modseqs."""


class Subscriber(Protocol):
    """Takes StateChange objects."""

    def push(self, message: bytes) -> bool:
        """Send a StateChange; false where it cannot be taken now, and `Hub.ready` will be called."""


class Throttle(Protocol):
    """Decides when a subscription that is due is sent."""

    def due(self, subscription: Subscription) -> None:
        """The subscription has something to be told."""


@attrs.define(eq=False)
class Subscription:
    """What one client wants to hear of, and has heard.

    :param types: the data types; ``None`` is all.
    :param throttle: decides when it is sent what it is due.
    :param accounts: those that the user may see; known when the past has been read.
    :param sent: for each account and type the modseq last told.
    :param since: for each account the modseq up to which the client knows everything.
    :param announced: what was announced before the past had been read.
    :param last_push: when something was sent last, on the hub's clock.
    :param stale: whether the user's accounts are others than those that are being read.
    """

    subscriber: Subscriber
    types: frozenset[str] | None
    throttle: Throttle
    accounts: frozenset[str] = frozenset()
    sent: dict[tuple[str, str], int] = attrs.field(factory=dict)
    since: dict[str, int] = attrs.field(factory=dict)
    announced: dict[tuple[str, str], int] = attrs.field(factory=dict)
    started: bool = False
    queued: bool = False
    stale: bool = False
    last_push: float = float("-inf")

    def wants(self, type: str) -> bool:
        """Whether changes of a type are of interest."""
        return self.types is None or type in self.types

    def told(self, account: str, type: str) -> int:
        """The modseq up to which the client knows about a type."""
        return self.sent.get((account, type), self.since.get(account, UNKNOWN))


@attrs.define(eq=False)
class _Account:
    """What is known of an account.

    :param latest: for each type the highest modseq that was read or announced.
    :param whole: the modseq up to which every type's changes are in ``latest``: an answer tells the types that it
        read, and of another type there may be an earlier change whose announcement is still to come.
    """

    latest: dict[str, int] = attrs.field(factory=dict)
    whole: int = UNKNOWN
    subscriptions: dict[Subscription, None] = attrs.field(factory=dict)


class Hub:
    """All subscriptions.

    :param now: tells the time, in seconds.
    """

    def __init__(self, now: Callable[[], float], metrics: Metrics | None = None) -> None:
        self._now = now
        self.metrics = metrics or Metrics()
        self.epoch = ""
        self.throttle: Throttle | None = None
        """That of the subscriptions that have none of their own."""
        self._accounts: dict[str, _Account] = {}
        self._starting: dict[Subscription, None] = {}
        self._unclaimed: set[str] = set()
        self._rendered: dict[object, bytes] = {}

    def observe(self, modseqs: Modseqs) -> None:
        """States have been read; nothing older may be told from now on."""
        for name, types in modseqs.items():
            if (account := self._account(name)) is not None:
                self._raise(account, types)

    def announce(self, modseqs: Modseqs) -> None:
        """States have changed."""
        for subscription in self._starting:
            for name, types in modseqs.items():
                subscription.announced.update({(name, type): modseq for type, modseq in types.items()})
        for name, types in modseqs.items():
            account = self._account(name)
            if account is None:
                continue
            self._raise(account, types)
            self._whole_up_to(account, types)
            for subscription in list(account.subscriptions):
                if any(
                    subscription.wants(type) and modseq > subscription.told(name, type)
                    for type, modseq in types.items()
                ):
                    self._due(subscription)

    def _account(self, name: str) -> _Account | None:
        """What is known of an account that somebody listens to, or will perhaps when they have started."""
        account = self._accounts.get(name)
        if account is None and self._starting:
            account = self._accounts[name] = _Account()
            self._unclaimed.add(name)
        return account

    def _raise(self, account: _Account, types: Mapping[str, int]) -> None:
        for type, modseq in types.items():
            if modseq > account.latest.get(type, UNKNOWN):
                account.latest[type] = modseq
                self._rendered.clear()

    def _whole_up_to(self, account: _Account, types: Mapping[str, int]) -> None:
        whole = max(types.values(), default=0)
        if whole > account.whole:
            account.whole = whole
            self._rendered.clear()

    def register(
        self, subscriber: Subscriber, types: frozenset[str] | None, throttle: Throttle | None = None
    ) -> Subscription:
        """Take a subscription up. What is announced from now on is told, once `start` says what was before.

        :param throttle: one of its own, in place of that of most.
        """
        throttle = throttle or self.throttle
        assert throttle is not None
        subscription = Subscription(subscriber, types, throttle)
        self._starting[subscription] = None
        return subscription

    def start(self, subscription: Subscription, epoch: str, states: Modseqs, push_state: str | None) -> None:
        """The past has been read: tell what of it the client does not know.

        :param states: the accounts that the user may see, with the states of all types, read after `register`.
        :param push_state: the token that the client had last; ``None``: it wants to hear of what comes.
        """
        if subscription not in self._starting:
            return
        self.epoch = epoch
        for name, types in states.items():
            self._join(subscription, name, types)
        self._started(subscription)
        if push_state is None:
            subscription.since = {name: max(types.values(), default=0) for name, types in states.items()}
            # changed after the client had asked, before the past was read
            subscription.sent = {key: modseq - 1 for key, modseq in subscription.announced.items()}
        else:
            subscription.since = statechange.parse_push_state(epoch, push_state) or {}
        subscription.accounts = frozenset(states)
        subscription.announced.clear()
        subscription.started = True
        if self._news(subscription):
            self._due(subscription)

    def reread(self, subscription: Subscription) -> bool:
        """The user's accounts are others now; `rejoin` says which, when they have been read.

        :returns: false where they are being read already: they are to be read again after that.
        """
        subscription.stale = subscription in self._starting
        self._starting[subscription] = None
        return not subscription.stale

    def rejoin(self, subscription: Subscription, states: Modseqs) -> None:
        """The user's accounts have been read again: of those that are gone nothing is told, of new ones all.

        :param states: as for `start`, read after `reread`.
        """
        if subscription not in self._starting:
            return
        before = subscription.accounts
        self._leave(subscription, before - states.keys())
        for name in states.keys() - before:
            self._join(subscription, name, states[name])
        self._started(subscription)
        subscription.accounts = frozenset(states)
        subscription.announced.clear()
        if self._news(subscription):
            self._due(subscription)

    def _join(self, subscription: Subscription, name: str, types: Mapping[str, int]) -> None:
        account = self._account(name)
        assert account is not None
        account.subscriptions[subscription] = None
        self._raise(account, types)
        self._whole_up_to(account, types)

    def _started(self, subscription: Subscription) -> None:
        """Forget the accounts that nobody turned out to want."""
        self._starting.pop(subscription, None)
        if not self._starting:
            for name in self._unclaimed:
                if not self._accounts[name].subscriptions:
                    del self._accounts[name]
            self._unclaimed.clear()

    def remove(self, subscription: Subscription) -> None:
        """The client is gone, or wants to hear no more."""
        subscription.started = False
        self._leave(subscription, subscription.accounts)
        self._started(subscription)

    def _leave(self, subscription: Subscription, accounts: Collection[str]) -> None:
        for name in accounts:
            account = self._accounts.get(name)
            if account is not None:
                account.subscriptions.pop(subscription, None)
                if not account.subscriptions:
                    self._unclaimed.add(name)
            subscription.since.pop(name, None)
        subscription.sent = {key: modseq for key, modseq in subscription.sent.items() if key[0] not in accounts}

    def ready(self, subscription: Subscription) -> None:
        """The client can be sent to again."""
        if subscription.started and self._news(subscription):
            self._due(subscription)

    def waiting(self, subscription: Subscription) -> int:
        """How many states a client is to be told of when it may be."""
        return len(self._news(subscription)) if subscription.started else 0

    def send(self, subscription: Subscription) -> None:
        """Tell a client all that it does not know yet."""
        news = self._news(subscription) if subscription.started else ()
        try:
            if not news or not subscription.subscriber.push(self._message(subscription, news)):
                return
        except Exception:
            # what is wrong with one client must not keep the others from hearing
            _log.failure("a push failed")
            return
        self.metrics.push_sent()
        subscription.last_push = self._now()
        subscription.sent.update(((account, type), modseq) for account, type, modseq in news)

    def _due(self, subscription: Subscription) -> None:
        subscription.throttle.due(subscription)

    def _news(self, subscription: Subscription) -> News:
        return tuple(
            (name, type, modseq)
            for name in subscription.accounts
            for type, modseq in self._accounts[name].latest.items()
            if subscription.wants(type) and modseq > subscription.told(name, type)
        )

    def _message(self, subscription: Subscription, news: News) -> bytes:
        """The StateChange; those who are told the same share its bytes."""
        key = (subscription.accounts, news)
        message = self._rendered.get(key)
        if message is None:
            if len(self._rendered) >= MAX_RENDERED:
                self._rendered.clear()
            token = statechange.push_state(self.epoch, {name: self._accounts[name].whole for name in key[0]})
            change = statechange.state_change(self.epoch, _by_account(news), token)
            message = self._rendered[key] = orjson.dumps(change)
        return message


def _by_account(news: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    changed: dict[str, dict[str, int]] = {}
    for account, type, modseq in news:
        changed.setdefault(account, {})[type] = modseq
    return changed
