"""Mailbox/query: an account has few Mailboxes, so they are filtered and sorted here (RFC 8621 section 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from jmapd.datatypes.mailbox.seen import rows_seen
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
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
from jmapd.protocol.collation import casemap
from jmapd.store import mailboxes
from jmapd.store.mailboxes import MailboxRow, mailbox_id

Test = Callable[[MailboxRow], bool]

SORT_KEYS: dict[str, Callable[[MailboxRow], Any]] = {
    "sortOrder": lambda row: row.sort_order,
    "name": lambda row: casemap(row.name),
    "parentId": lambda row: row.parent or 0,
}


def query(context: Context, scope: Scope, arguments: Arguments) -> ListedResults:
    """Find Mailboxes."""
    test = read_filter(arguments, partial(read_condition, CONDITIONS), joined)
    sort = read_sort(arguments, SORT_KEYS)
    filter_as_tree = arguments.boolean("filterAsTree")
    rows = rows_seen(context, scope)
    found = {row.id for row in rows.values() if test is None or test(row)}
    if filter_as_tree:
        found = {number for number in found if _ancestors(rows, number) <= found}
    in_order = ordered(sorted(rows.values(), key=lambda row: row.id), sort, SORT_KEYS)
    sort_as_tree = arguments.boolean("sortAsTree")
    if sort_as_tree:
        in_order = _as_tree(in_order)
    numbers = [row.id for row in in_order if row.id in found]
    return ListedResults(numbers, mailbox_id, can_calculate_changes=not (filter_as_tree or sort_as_tree))


def _parent(value: Any) -> Test:
    check_condition(value is None or isinstance(value, str), "parentId")
    parent = None if value is None else ids.number(mailboxes.ID_PREFIX, value)
    return lambda row: row.parent == parent and (parent is not None or value is None)


def _name(value: Any) -> Test:
    check_condition(isinstance(value, str), "name")
    wanted = casemap(value)
    return lambda row: wanted in casemap(row.name)


def _role(value: Any) -> Test:
    check_condition(value is None or isinstance(value, str), "role")
    return lambda row: row.role == value


def _has_any_role(value: Any) -> Test:
    check_condition(isinstance(value, bool), "hasAnyRole")
    return lambda row: (row.role is not None) == value


def _is_subscribed(value: Any) -> Test:
    check_condition(isinstance(value, bool), "isSubscribed")
    return lambda row: bool(row.subscribed) == value


CONDITIONS: dict[str, Callable[[Any], Test]] = {
    "parentId": _parent,
    "name": _name,
    "role": _role,
    "hasAnyRole": _has_any_role,
    "isSubscribed": _is_subscribed,
}


def _ancestors(rows: dict[int, MailboxRow], number: int) -> set[int]:
    found = set()
    parent = rows[number].parent
    while parent is not None:
        found.add(parent)
        parent = rows[parent].parent
    return found


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
