"""Subscriptions, and the latest state of every type that anybody has asked for or been told of.

An announcement makes every subscription due whose own last sent state is older, whatever the hub knew before. What
is sent is made from the latest states at the moment of sending, so nobody is told a state older than one they have
seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import attrs
import orjson

from jmapd.protocol import statechange
from jmapd.protocol.statechange import Modseqs

UNKNOWN = -1
"""The modseq of a client that knows nothing."""


class Subscriber(Protocol):
    """Takes StateChange objects."""

    def push(self, message: bytes) -> bool:
        """Send a StateChange; false where it cannot be taken now, and `Hub.ready` will be called."""


@attrs.define(eq=False)
class Subscription:
    """What one client wants to hear of, and has heard.

    :param types: the data types; ``None`` is all.
    :param accounts: those that the user may see; known when the past has been read.
    :param sent: for each account and type the modseq last told.
    :param since: for each account the modseq up to which the client knows everything.
    :param last_push: when something was sent last, on the hub's clock.
    """

    subscriber: Subscriber
    types: frozenset[str] | None
    accounts: frozenset[str] = frozenset()
    sent: dict[tuple[str, str], int] = attrs.field(factory=dict)
    since: dict[str, int] = attrs.field(factory=dict)
    announced: dict[tuple[str, str], int] = attrs.field(factory=dict)
    started: bool = False
    queued: bool = False
    last_push: float = float("-inf")

    def wants(self, type: str) -> bool:
        """Whether changes of a type are of interest."""
        return self.types is None or type in self.types


class Throttle(Protocol):
    """Decides when a subscription that is due is sent."""

    def due(self, subscription: Subscription) -> None:
        """The subscription has something to be told."""


class Hub:
    """All subscriptions.

    :param now: tells the time, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.epoch = ""
        self.throttle: Throttle | None = None
        self._latest: dict[str, dict[str, int]] = {}
        self._of_account: dict[str, dict[Subscription, None]] = {}
        self._starting: dict[Subscription, None] = {}
        self._rendered: dict[object, bytes] = {}

    def observe(self, modseqs: Modseqs) -> None:
        """States have been read; nothing older may be told from now on."""
        for account, types in modseqs.items():
            if account in self._of_account or self._starting:
                latest = self._latest.setdefault(account, {})
                for type, modseq in types.items():
                    if modseq > latest.get(type, UNKNOWN):
                        latest[type] = modseq
                        self._rendered.clear()

    def announce(self, modseqs: Modseqs) -> None:
        """States have changed."""
        self.observe(modseqs)
        for subscription in self._starting:
            for account, types in modseqs.items():
                subscription.announced.update({(account, type): modseq for type, modseq in types.items()})
        for account, types in modseqs.items():
            for subscription in list(self._of_account.get(account, ())):
                if any(
                    subscription.wants(type) and modseq > self._told(subscription, account, type)
                    for type, modseq in types.items()
                ):
                    self._due(subscription)

    def register(self, subscriber: Subscriber, types: frozenset[str] | None) -> Subscription:
        """Take a subscription up. What is announced from now on is told, once `start` says what was before."""
        subscription = Subscription(subscriber, types)
        self._starting[subscription] = None
        return subscription

    def start(self, subscription: Subscription, epoch: str, states: Modseqs, push_state: str | None) -> None:
        """The past has been read: tell what of it the client does not know.

        :param states: the accounts that the user may see, with the states read after `register`.
        :param push_state: the token that the client had last; ``None``: it wants to hear of what comes.
        """
        if subscription not in self._starting:
            return
        self.epoch = epoch
        self.observe(states)
        del self._starting[subscription]
        subscription.accounts = frozenset(states)
        known = None if push_state is None else statechange.parse_push_state(epoch, push_state)
        for account, types in states.items():
            self._of_account.setdefault(account, {})[subscription] = None
            self._latest.setdefault(account, {})
            if push_state is None:
                subscription.since[account] = max(types.values(), default=0)
            else:
                subscription.since[account] = UNKNOWN if known is None else known.get(account, UNKNOWN)
        subscription.started = True
        if push_state is None:
            # changed after the client had asked, before the past was read
            for (account, type), modseq in subscription.announced.items():
                subscription.sent[account, type] = modseq - 1
        subscription.announced.clear()
        if self._news(subscription):
            self._due(subscription)

    def remove(self, subscription: Subscription) -> None:
        """The client is gone, or wants to hear no more."""
        self._starting.pop(subscription, None)
        subscription.started = False
        for account in subscription.accounts:
            of_account = self._of_account.get(account)
            if of_account is not None:
                of_account.pop(subscription, None)
                if not of_account:
                    del self._of_account[account]
                    self._latest.pop(account, None)

    def ready(self, subscription: Subscription) -> None:
        """The client can be sent to again."""
        if subscription.started and self._news(subscription):
            self._due(subscription)

    def send(self, subscription: Subscription) -> None:
        """Tell a client all that it does not know yet."""
        if not subscription.started:
            return
        news = self._news(subscription)
        if not news or not subscription.subscriber.push(self._message(subscription, news)):
            return
        subscription.last_push = self._now()
        subscription.sent.update(((account, type), modseq) for account, type, modseq in news)

    def _due(self, subscription: Subscription) -> None:
        assert self.throttle is not None
        self.throttle.due(subscription)

    def _told(self, subscription: Subscription, account: str, type: str) -> int:
        return subscription.sent.get((account, type), subscription.since.get(account, UNKNOWN))

    def _news(self, subscription: Subscription) -> tuple[tuple[str, str, int], ...]:
        return tuple(
            (account, type, modseq)
            for account in subscription.accounts
            for type, modseq in self._latest.get(account, {}).items()
            if subscription.wants(type) and modseq > self._told(subscription, account, type)
        )

    def _message(self, subscription: Subscription, news: tuple[tuple[str, str, int], ...]) -> bytes:
        """The StateChange; those who are told the same share its bytes."""
        key = (subscription.accounts, news)
        message = self._rendered.get(key)
        if message is None:
            seen = {account: self._last(account) for account in subscription.accounts}
            change = statechange.state_change(self.epoch, _by_account(news), statechange.push_state(self.epoch, seen))
            message = self._rendered[key] = orjson.dumps(change)
        return message

    def _last(self, account: str) -> int:
        return max(self._latest.get(account, {}).values(), default=0)


def _by_account(news: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    changed: dict[str, dict[str, int]] = {}
    for account, type, modseq in news:
        changed.setdefault(account, {})[type] = modseq
    return changed
