"""Mailbox/query: an account has few Mailboxes, so they are filtered and sorted here (RFC 8621 section 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.query import Comparator, read_filter, read_sort
from jmapd.protocol import ids
from jmapd.protocol.collation import casemap
from jmapd.protocol.errors import MethodError, invalid_arguments
from jmapd.store import mailboxes
from jmapd.store.changes import Changed
from jmapd.store.mailboxes import MailboxRow, mailbox_id

Test = Callable[[MailboxRow], bool]

SORT_PROPERTIES = ("sortOrder", "name", "parentId")


@attrs.frozen
class MailboxResults:
    """The Mailboxes found, in order."""

    numbers: list[int]
    can_calculate_changes: bool
    immutable: bool = False

    def total(self) -> int:
        """How many there are."""
        return len(self.numbers)

    def page(self, position: int, limit: int) -> list[str]:
        """The Ids from a position on."""
        return [mailbox_id(number) for number in self.numbers[position : position + limit]]

    def position_of(self, id: str) -> int | None:
        """Where an Id is among them."""
        number = ids.number(mailboxes.ID_PREFIX, id)
        return self.numbers.index(number) if number in self.numbers else None

    def walk(self) -> Iterator[int]:
        """The numbers of all of them, in order."""
        return iter(self.numbers)

    def with_related(self, changed: Changed, since: int) -> Changed:
        """Where they are not put together as a tree, each has its place by itself."""
        return changed


def query(context: Context, scope: Scope, arguments: Arguments) -> MailboxResults:
    """Find Mailboxes."""
    test = read_filter(arguments, _condition, _operator)
    sort = read_sort(arguments, SORT_PROPERTIES)
    filter_as_tree = arguments.boolean("filterAsTree")
    rows = mailboxes.all_of(context.store.database, scope.number)
    found = {row.id for row in rows.values() if test is None or test(row)}
    if filter_as_tree:
        found = {number for number in found if _ancestors(rows, number) <= found}
    ordered = _sorted(rows, sort)
    sort_as_tree = arguments.boolean("sortAsTree")
    if sort_as_tree:
        ordered = _as_tree(ordered)
    return MailboxResults([row.id for row in ordered if row.id in found], not (filter_as_tree or sort_as_tree))


def _condition(condition: dict[str, Any]) -> Test:
    unknown = condition.keys() - _CONDITIONS.keys()
    if unknown:
        raise MethodError("unsupportedFilter", f"Unknown conditions: {', '.join(sorted(unknown))[:200]}.")
    tests = [_CONDITIONS[name](value) for name, value in condition.items()]
    return lambda row: all(test(row) for test in tests)


def _operator(name: str, tests: list[Test]) -> Test:
    if name == "AND":
        return lambda row: all(test(row) for test in tests)
    if name == "OR":
        return lambda row: any(test(row) for test in tests)
    return lambda row: not any(test(row) for test in tests)


def _parent(value: Any) -> Test:
    _check(value is None or isinstance(value, str), "parentId")
    parent = None if value is None else ids.number(mailboxes.ID_PREFIX, value)
    return lambda row: row.parent == parent and (parent is not None or value is None)


def _name(value: Any) -> Test:
    _check(isinstance(value, str), "name")
    wanted = casemap(value)
    return lambda row: wanted in casemap(row.name)


def _role(value: Any) -> Test:
    _check(value is None or isinstance(value, str), "role")
    return lambda row: row.role == value


def _has_any_role(value: Any) -> Test:
    _check(isinstance(value, bool), "hasAnyRole")
    return lambda row: (row.role is not None) == value


def _is_subscribed(value: Any) -> Test:
    _check(isinstance(value, bool), "isSubscribed")
    return lambda row: bool(row.subscribed) == value


_CONDITIONS: dict[str, Callable[[Any], Test]] = {
    "parentId": _parent,
    "name": _name,
    "role": _role,
    "hasAnyRole": _has_any_role,
    "isSubscribed": _is_subscribed,
}


def _check(right: bool, name: str) -> None:
    if not right:
        raise invalid_arguments(f"The condition {name} has a value of the wrong type.")


def _ancestors(rows: dict[int, MailboxRow], number: int) -> set[int]:
    found = set()
    parent = rows[number].parent
    while parent is not None:
        found.add(parent)
        parent = rows[parent].parent
    return found


def _sorted(rows: dict[int, MailboxRow], sort: tuple[Comparator, ...]) -> list[MailboxRow]:
    keys: dict[str, Callable[[MailboxRow], Any]] = {
        "sortOrder": lambda row: row.sort_order,
        "name": lambda row: casemap(row.name),
        "parentId": lambda row: row.parent or 0,
    }
    ordered = sorted(rows.values(), key=lambda row: row.id)
    # sorting is stable, so the last comparator goes first
    for one in reversed(sort):
        ordered.sort(key=keys[one.property], reverse=not one.ascending)
    return ordered


def _as_tree(ordered: list[MailboxRow]) -> list[MailboxRow]:
    """Each Mailbox followed by those below it, siblings in the order given."""
    children: dict[int | None, list[MailboxRow]] = {}
    for row in ordered:
        children.setdefault(row.parent, []).append(row)
    result: list[MailboxRow] = []
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        row = waiting.pop()
        result.append(row)
        waiting.extend(reversed(children.get(row.id, [])))
    return result
