"""Quota: what an account may use, and uses (RFC 9425)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import attrs

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.datatype import DataType
from jmapd.methods.query import (
    ListedResults,
    check_condition,
    joined,
    ordered,
    read_condition,
    read_filter,
    read_sort,
)
from jmapd.protocol import ids
from jmapd.protocol.capabilities import MAIL, QUOTA
from jmapd.protocol.collation import casemap
from jmapd.store import quotas
from jmapd.store.changes import AccountChanges, Changed
from jmapd.store.database import Database
from jmapd.store.quotas import COUNT_QUOTA, OCTETS_QUOTA

ID_PREFIX = "q"

_TYPES = {"Email": MAIL}
"""The types that are counted, each with its capability."""


def quota_id(number: int) -> str:
    """The Quota's Id."""
    return ids.numbered(ID_PREFIX, number)


def of_account(context: Context, scope: Scope) -> dict[int, dict[str, Any]]:
    """The Quotas of an account by number, as far as the client has opted in to what they count."""
    types = [name for name, capability in _TYPES.items() if capability in context.using]
    if not types:
        return {}
    usage = quotas.read(context.store.database, scope.number)
    found = {}
    for number, name, resource, used, limit in (
        (OCTETS_QUOTA, "Size of all mail", "octets", usage.octets, usage.max_octets),
        (COUNT_QUOTA, "Number of messages", "count", usage.emails, usage.max_emails),
    ):
        if limit is not None:
            found[number] = {
                "id": quota_id(number),
                "resourceType": resource,
                "used": used,
                "hardLimit": limit,
                "scope": "account",
                "name": name,
                "types": types,
                "warnLimit": None,
                "softLimit": None,
                "description": None,
            }
    return found


def set_limits(database: Database, changes: AccountChanges, *, emails: int | None, octets: int | None) -> None:
    """Say what an account may use; ``None``: as much as comes."""
    before = quotas.read(database, changes.account)
    quotas.set_limits(database, changes.account, emails=emails, octets=octets)
    for number, old, new in ((OCTETS_QUOTA, before.max_octets, octets), (COUNT_QUOTA, before.max_emails, emails)):
        if old is None and new is not None:
            changes.made("Quota", number)
        elif old is not None and new is None:
            changes.destroyed("Quota", number)
        elif old != new:
            changes.updated("Quota", number)


@attrs.frozen
class QuotaGetter:
    """Quota/get for one account."""

    quotas: dict[int, dict[str, Any]]
    properties: Sequence[str]

    @classmethod
    def open(cls, context: Context, scope: Scope, properties: Sequence[str], _: Arguments) -> QuotaGetter:
        """Read the account's Quotas."""
        return cls(of_account(context, scope), properties)

    def all(self) -> list[int]:
        """The numbers of all Quotas."""
        return list(self.quotas)

    def fetch(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Those that there are, with the properties wanted."""
        for number in numbers:
            if quota := self.quotas.get(number):
                yield number, {name: quota[name] for name in self.properties}


def query(context: Context, scope: Scope, arguments: Arguments) -> ListedResults:
    """Find Quotas; which of them can be seen depends on ``using``, so no changes can be told."""
    test = read_filter(arguments, partial(read_condition, CONDITIONS), joined)
    sort = read_sort(arguments, SORT_KEYS)
    found = [one for one in of_account(context, scope).items() if test is None or test(one[1])]
    numbers = [number for number, _ in ordered(found, sort, SORT_KEYS)]
    return ListedResults(numbers, quota_id, can_calculate_changes=False)


def changes_extra(changed: Changed) -> dict[str, Any]:
    """``updatedProperties``: where only what is used has changed, it is named."""
    only_used = changed.updated and not (changed.substantive or changed.created or changed.destroyed)
    return {"updatedProperties": ["used"] if only_used else None}


def _string(name: str, test: Callable[[dict[str, Any], str], bool], value: Any) -> Callable[[dict[str, Any]], bool]:
    check_condition(isinstance(value, str), name)
    return lambda quota: test(quota, value)


CONDITIONS = {
    "name": partial(_string, "name", lambda quota, value: casemap(value) in casemap(quota["name"])),
    "scope": partial(_string, "scope", lambda quota, value: quota["scope"] == value),
    "resourceType": partial(_string, "resourceType", lambda quota, value: quota["resourceType"] == value),
    "type": partial(_string, "type", lambda quota, value: value in quota["types"]),
}
SORT_KEYS: dict[str, Callable[[tuple[int, dict[str, Any]]], Any]] = {
    "name": lambda one: casemap(one[1]["name"]),
    "used": lambda one: one[1]["used"],
}

QUOTA_TYPE = DataType(
    name="Quota",
    capability=QUOTA,
    properties=(
        "id",
        "resourceType",
        "used",
        "hardLimit",
        "scope",
        "name",
        "types",
        "warnLimit",
        "softLimit",
        "description",
    ),
    id_of=quota_id,
    number_of=lambda account, id: ids.number(ID_PREFIX, id),
    getter=QuotaGetter.open,
    query=query,
    conditions=CONDITIONS,
    sort_properties=SORT_KEYS,
    changes_extra=changes_extra,
)
