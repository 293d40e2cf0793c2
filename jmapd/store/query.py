"""Email/query as SQL, compiled once for each shape of filter and sort.

A query starts from the table that narrows it best in the order wanted (full-text index, keyword, Mailbox, or all
Emails of the account) and looks the rest up by the Email's number, which all of them are sorted by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
from sqlalchemy import ColumnElement, and_, bindparam, exists, func, not_, or_, select, true
from sqlalchemy.sql.expression import ClauseElement, Select

from jmapd.store import numbers
from jmapd.store.database import Database
from jmapd.store.schema import email_bodies, email_keywords, emails, left_texts, mailbox_emails
from jmapd.store.sqlite import email_text, listed, matches
from jmapd.store.statement import Statement

MAX_SHAPES = 500
"""Compiled queries kept; then all are forgotten, which costs a compilation each."""


@attrs.frozen
class Condition:
    """One test of an Email.

    :param name: a key of `CONDITIONS`, or ``text``.
    :param value: what it is tested against.
    """

    name: str
    value: Any


@attrs.frozen
class Operator:
    """Conditions joined: ``AND``, ``OR`` or ``NOT`` (none of them holds)."""

    name: str
    conditions: tuple[Node, ...]


Node = Condition | Operator


@attrs.frozen
class Sort:
    """One of the things that Emails are sorted by.

    :param property: of `SORT_COLUMNS`, or a key of `KEYWORD_SORTS`.
    :param keyword: for the latter.
    """

    property: str
    ascending: bool
    keyword: str | None = None


SORT_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "receivedAt": emails.c.received_at,
    "sentAt": emails.c.sent_at,
    "size": emails.c.size,
    "subject": emails.c.subject_key,
    "from": emails.c.from_key,
    "to": emails.c.to_key,
}

_Number = ColumnElement[Any]


def _in_mailbox(number: _Number, value: Any) -> ColumnElement[bool]:
    row = mailbox_emails.alias()
    return exists().where((row.c.account == bindparam("account")) & (row.c.mailbox == value) & (row.c.email == number))


def _has_keyword(number: _Number, value: Any) -> ColumnElement[bool]:
    row = email_keywords.alias()
    return exists().where((row.c.account == bindparam("account")) & (row.c.keyword == value) & (row.c.email == number))


def _in_other_mailbox(number: _Number, value: Any) -> ColumnElement[bool]:
    row = mailbox_emails.alias()
    other = row.c.mailbox.not_in(listed(value.key))
    return exists().where((row.c.account == bindparam("account")) & other & (row.c.email == number))


def _some_in_thread(number: _Number, value: Any) -> ColumnElement[bool]:
    member, row = emails.alias(), email_keywords.alias()
    return exists().where(
        (member.c.account == bindparam("account"))
        & (member.c.thread == emails.c.thread)
        & (row.c.account == bindparam("account"))
        & (row.c.keyword == value)
        & (row.c.email == member.c.id)
    )


def _all_in_thread(number: _Number, value: Any) -> ColumnElement[bool]:
    member = emails.alias()
    without = ~_has_keyword(member.c.id, value).correlate(member)
    return ~exists().where((member.c.account == bindparam("account")) & (member.c.thread == emails.c.thread) & without)


def _has_header(number: _Number, value: Any) -> ColumnElement[bool]:
    row = email_bodies.alias()
    return exists().where((row.c.email == number) & (func.has_header(row.c.body, value) == true()))


def _text(number: _Number, value: Any) -> ColumnElement[bool]:
    inside = email_text.c.rowid.between(bindparam("low"), bindparam("high"))
    return number.in_(select(email_text.c.rowid).where(matches(value.key) & inside))


CONDITIONS: Mapping[str, Callable[[_Number, Any], ColumnElement[bool]]] = {
    "inMailbox": _in_mailbox,
    "inMailboxOtherThan": _in_other_mailbox,
    "hasKeyword": _has_keyword,
    "someInThreadHaveKeyword": _some_in_thread,
    "allInThreadHaveKeyword": _all_in_thread,
    "header": _has_header,
    "text": _text,
    "before": lambda number, value: emails.c.received_at < value,
    "after": lambda number, value: emails.c.received_at >= value,
    "minSize": lambda number, value: emails.c.size >= value,
    "maxSize": lambda number, value: emails.c.size < value,
    "hasAttachment": lambda number, value: emails.c.has_attachment == value,
    "never": lambda number, value: not_(true()),
}
"""Each test as SQL, given the column of the Email's number and the parameter of its value."""

_OF_THREAD = frozenset({"someInThreadHaveKeyword", "allInThreadHaveKeyword"})
_OF_ROW = frozenset({"before", "after", "minSize", "maxSize", "hasAttachment", *_OF_THREAD})
_MUTABLE = frozenset({"inMailbox", "inMailboxOtherThan", "hasKeyword", *_OF_THREAD})

KEYWORD_SORTS = ("hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword")
"""What Emails can be sorted by that is of a keyword: conditions, those that they hold for behind the others."""


@attrs.frozen
class EmailQuery:
    """What Email/query asks the store.

    :param filter: the tests; ``None``: all Emails.
    :param sort: empty: newest first.
    :param spilled: whether the account's numbers are not exactly in the order of receivedAt.
    """

    account: int
    filter: Node | None
    sort: tuple[Sort, ...]
    spilled: bool


def is_immutable(query: EmailQuery) -> bool:
    """Whether all that is tested and sorted by never changes."""
    return not any(name in _MUTABLE for name in _names(query))


def looks_at_threads(query: EmailQuery) -> bool:
    """Whether what is tested or sorted by is of other Emails of the same Thread too."""
    return any(name in _OF_THREAD for name in _names(query))


def _names(query: EmailQuery) -> Iterator[str]:
    """All that is tested and sorted by."""
    yield from (one.property for one in query.sort)
    waiting = [query.filter]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Condition):
            yield node.name
        elif node is not None:
            waiting.extend(node.conditions)


def page(database: Database, queries: Queries, query: EmailQuery, offset: int, limit: int) -> list[int]:
    """The numbers of the Emails from an offset on."""
    statement, values = queries.compiled("page", query)
    rows = database.run(statement, {**values, "offset": offset, "limit": limit})
    return [row[0] for row in rows]


def walk(database: Database, queries: Queries, query: EmailQuery) -> Iterator[tuple[int, int]]:
    """All the Emails in order, each with its Thread, read as they are taken."""
    statement, values = queries.compiled("walk", query)
    return iter(database.run(statement, values))


def count(database: Database, queries: Queries, query: EmailQuery, *, threads: bool = False) -> int:
    """How many Emails there are, or how many Threads they are of."""
    statement, values = queries.compiled("threads" if threads else "count", query)
    return int(database.run(statement, values).fetchone()[0])


@attrs.define(eq=False)
class Queries:
    """The compiled queries of one connection."""

    database: Database
    _known: dict[Any, Statement] = attrs.field(factory=dict)

    def compiled(self, purpose: str, query: EmailQuery) -> tuple[Statement, dict[str, Any]]:
        """The SQL of a query and its values.

        :param purpose: ``page``, ``walk``, ``count`` or ``threads``.
        """
        values: dict[str, Any] = {}
        shape = None if query.filter is None else _shape(query.filter, values)
        sort = tuple((one.property, one.ascending) for one in query.sort)
        key = (purpose, shape, sort, query.spilled)
        statement = self._known.get(key)
        if statement is None:
            if len(self._known) >= MAX_SHAPES:
                self._known.clear()
            statement = self._known[key] = self.database.compile(_expression(purpose, shape, query))
        low, high = numbers.account_range(query.account)
        values.update(low=low, high=high, account=query.account)
        values.update((f"keyword{at}", one.keyword) for at, one in enumerate(query.sort) if one.keyword is not None)
        return statement, values


def _shape(node: Node, values: dict[str, Any]) -> Node:
    """The filter with each value replaced by the name of a parameter, which is put into ``values``."""
    if isinstance(node, Operator):
        return Operator(node.name, tuple(_shape(one, values) for one in node.conditions))
    name = f"value{len(values)}"
    values[name] = node.value
    return Condition("seen" if node == _SEEN else node.name, name)


_SEEN = Condition("hasKeyword", "$seen")


@attrs.frozen
class _Start:
    """The table a query starts from, its columns of the Email's number and Thread, and what of the filter it is."""

    number: _Number
    thread: ColumnElement[Any] | None
    condition: ColumnElement[bool]
    covers: Condition | None


def _start(shape: Node | None) -> _Start:
    tops = shape.conditions if isinstance(shape, Operator) and shape.name == "AND" else (shape,)
    by_name = {one.name: one for one in reversed(tops) if isinstance(one, Condition)}
    if one := by_name.get("text"):
        inside = email_text.c.rowid.between(bindparam("low"), bindparam("high"))
        return _Start(email_text.c.rowid, None, matches(one.value) & inside, one)
    if one := by_name.get("hasKeyword"):
        row = (email_keywords.c.account == bindparam("account")) & (email_keywords.c.keyword == bindparam(one.value))
        return _Start(email_keywords.c.email, None, row, one)
    if one := by_name.get("inMailbox"):
        row = (mailbox_emails.c.account == bindparam("account")) & (mailbox_emails.c.mailbox == bindparam(one.value))
        return _Start(mailbox_emails.c.email, mailbox_emails.c.thread, row, one)
    return _Start(emails.c.id, emails.c.thread, emails.c.id.between(bindparam("low"), bindparam("high")), None)


def _expression(purpose: str, shape: Node | None, query: EmailQuery) -> ClauseElement:
    start = _start(shape)
    order = _order(start.number, query)
    columns: list[ColumnElement[Any]] = [start.number]
    needs_row = any(column is not start.number for column, _ in order) or _tests_row(shape)
    if purpose in ("walk", "threads"):
        columns.append(emails.c.thread if start.thread is None else start.thread)
        needs_row = needs_row or start.thread is None
    selected: Select[Any] = select(*columns).where(start.condition)
    if needs_row and start.number is not emails.c.id:
        selected = selected.join(emails, emails.c.id == start.number)
    elif start.number is email_text.c.rowid:
        # its rows outlive their Emails; to leave those out takes a fifth of the time that to look up all others takes
        selected = selected.where(~exists().where(left_texts.c.email == start.number))
    if shape is not None and shape != start.covers:
        selected = selected.where(_test(shape, start))
    if purpose == "count":
        return selected.with_only_columns(func.count())
    if purpose == "threads":
        return selected.with_only_columns(func.count(columns[1].distinct()))
    selected = selected.order_by(*(column.asc() if ascending else column.desc() for column, ascending in order))
    return selected.limit(bindparam("limit")).offset(bindparam("offset")) if purpose == "page" else selected


def _order(number: _Number, query: EmailQuery) -> list[tuple[ColumnElement[Any], bool]]:
    """The columns to sort by, the number last, which breaks ties and alone is the order of receivedAt."""
    order: list[tuple[ColumnElement[Any], bool]] = []
    sort = query.sort or (Sort("receivedAt", ascending=False),)
    for at, one in enumerate(sort):
        if one.property in KEYWORD_SORTS:
            order.append((CONDITIONS[one.property](number, bindparam(f"keyword{at}")), one.ascending))
        else:
            order.append((SORT_COLUMNS[one.property], one.ascending))
    if sort[-1].property == "receivedAt" and not query.spilled:
        order.pop()
    return [*order, (number, sort[-1].ascending)]


def _tests_row(shape: Node | None) -> bool:
    if isinstance(shape, Operator):
        return any(_tests_row(one) for one in shape.conditions)
    return shape is not None and shape.name in _OF_ROW


def _test(shape: Node, start: _Start) -> ColumnElement[bool]:
    if isinstance(shape, Condition):
        if shape == start.covers:
            return true()
        name = "hasKeyword" if shape.name == "seen" else shape.name
        return CONDITIONS[name](start.number, bindparam(shape.value))
    tests = [_test(one, start) for one in shape.conditions]
    if shape.name == "AND":
        return and_(true(), *tests)
    return or_(not_(true()), *tests) if shape.name == "OR" else not_(or_(not_(true()), *tests))
