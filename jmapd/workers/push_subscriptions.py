"""What the front asks about PushSubscriptions: it posts to them, and says what came of that."""

from __future__ import annotations

import time
from typing import Any

import attrs

from jmapd.datatypes.push_subscription import subscription_id
from jmapd.store import push_subscriptions
from jmapd.store.push_subscriptions import PushSubscription
from jmapd.store.store import Store
from jmapd.workers.answers import Answer, OperationRefused


@attrs.frozen
class PushSubscriptions:
    """The operations about PushSubscriptions, which ``subscription`` names by its number."""

    store: Store

    def push_users(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """The users who have any."""
        return Answer({"users": push_subscriptions.users_with_some(self.store.database, _now())})

    def push_list(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Those of a user that have not ended."""
        found = push_subscriptions.of_user(self.store.database, arguments["user"], _now())
        return Answer({"subscriptions": [_described(one) for one in found]})

    def push_code(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """The verification code is about to be sent, which is done once."""
        if not push_subscriptions.sending_code(self.store.database, arguments["subscription"]):
            raise OperationRefused("alreadySent", "An attempt to send this code has been made.")
        return Answer({})

    def push_told(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Clients have been told so much: ``told`` is pairs of numbers and pushStates."""
        for number, told in arguments["told"]:
            push_subscriptions.has_been_told(self.store.database, number, told)
        return Answer({})

    def push_gone(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """There is nobody at the URL any more."""
        removed = push_subscriptions.erase(self.store.database, arguments["subscription"])
        return Answer({}, push_subscriptions=(arguments["user"],) if removed else ())


def _now() -> int:
    return int(time.time() * 1000)


def _described(one: PushSubscription) -> dict[str, Any]:
    return {
        "number": one.number,
        "id": subscription_id(one.number),
        "url": one.url,
        "keys": one.keys,
        "types": one.types,
        "ends": one.ends,
        "code": None if one.code_sent else one.code,
        "verified": one.verified,
        "told": one.told,
    }
