"""Email/query: what a client's filter and sort ask of the store (RFC 8621 section 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import attrs
import orjson

from jmapd.datatypes.email.properties import BODY
from jmapd.message.headers import FORMS
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.query import read_filter, read_sort
from jmapd.protocol import ids
from jmapd.protocol.collation import casemap
from jmapd.protocol.dates import parse_utc_date
from jmapd.protocol.errors import MethodError, invalid_arguments
from jmapd.store import emails, mailboxes, query, search
from jmapd.store.changes import Changed
from jmapd.store.emails import email_id
from jmapd.store.query import Condition, EmailQuery, Node, Operator, Sort

SORT_PROPERTIES = (*query.SORT_COLUMNS, *query.KEYWORD_SORTS)

ARGUMENTS = ("collapseThreads",)

_HEADERS = BODY.index("headers")
_EVERYTHING = Operator("AND", ())


@attrs.frozen
class EmailResults:
    """The Emails found, in order; the store is asked for no more of them than is wanted."""

    context: Context
    scope: Scope
    wanted: EmailQuery
    collapse: bool
    can_calculate_changes: bool = True

    def total(self) -> int:
        """How many there are; of one Mailbox it is known already."""
        store = self.context.store
        filter = self.wanted.filter
        if isinstance(filter, Condition) and filter.name == "inMailbox":
            row = mailboxes.all_of(store.database, self.wanted.account).get(filter.value)
            return 0 if row is None else row.total_threads if self.collapse else row.total_emails
        return query.count(store.database, store.queries, self.wanted, threads=self.collapse)

    def page(self, position: int, limit: int) -> list[str]:
        """The Ids from a position on."""
        if self.collapse:
            return [email_id(number) for number in islice(self.walk(), position, position + limit)]
        store = self.context.store
        return [email_id(one) for one in query.page(store.database, store.queries, self.wanted, position, limit)]

    def position_of(self, id: str) -> int | None:
        """Where an Id is among them."""
        wanted = emails.email_number(self.wanted.account, id)
        return next((at for at, number in enumerate(self.walk()) if number == wanted), None)

    @property
    def immutable(self) -> bool:
        """Whether filter and sort look only at what never changes."""
        return not self.collapse and query.is_immutable(self.wanted)

    def with_related(self, changed: Changed, since: int) -> Changed:
        """What changed; where Emails stand for their Threads, all of the Threads concerned."""
        if not self.collapse and not query.looks_at_threads(self.wanted):
            return changed
        database, account = self.context.store.database, self.scope.number
        changes = self.scope.changes
        # the last change of an Email may be later than that of any Thread
        threads = changes.since("Thread", min(since, changes.state("Thread")), self.context.limits.max_changes)
        if threads is None or threads.more:
            raise MethodError("cannotCalculateChanges")
        concerned = {*threads.created, *threads.updated, *emails.threads_of(database, changed.updated)}
        members = emails.of_threads(database, account, concerned)
        updated = sorted({*changed.updated, *members} - set(changed.created))
        return attrs.evolve(changed, updated=updated)

    def walk(self) -> Iterator[int]:
        """The numbers of all of them, in order."""
        store = self.context.store
        seen: set[int] = set()
        for number, thread in query.walk(store.database, store.queries, self.wanted):
            if not self.collapse:
                yield number
            elif thread not in seen:
                seen.add(thread)
                yield number


def find(context: Context, scope: Scope, arguments: Arguments) -> EmailResults:
    """Find Emails."""
    filter = read_filter(arguments, _condition, _operator)
    comparators = read_sort(arguments, SORT_PROPERTIES, query.KEYWORD_SORTS)
    sort = tuple(Sort(one.property, one.ascending, one.keyword) for one in comparators)
    collapse = arguments.boolean("collapseThreads")
    if context.writing and arguments.values.get("filter"):
        context.store.text.flush()
    spilled = emails.is_spilled(context.store.database, scope.number)
    return EmailResults(context, scope, EmailQuery(scope.number, filter, sort, spilled), collapse)


def check_filter(arguments: Arguments) -> None:
    """Refuse a ``filter`` that Email/query would refuse.

    :raises MethodError: ``unsupportedFilter`` or ``invalidArguments``.
    """
    read_filter(arguments, _condition, _operator)


def _condition(condition: dict[str, Any]) -> Node:
    unknown = condition.keys() - CONDITIONS.keys()
    if unknown:
        raise MethodError("unsupportedFilter", f"Unknown conditions: {', '.join(sorted(unknown))[:200]}.")
    tests = tuple(CONDITIONS[name](name, value) for name, value in condition.items())
    return tests[0] if len(tests) == 1 else Operator("AND", tests)


def _operator(name: str, conditions: list[Node]) -> Node:
    return Operator(name, tuple(conditions))


def _in_mailbox(name: str, value: Any) -> Node:
    _check(ids.is_id(value), name, "an Id")
    number = ids.number(mailboxes.ID_PREFIX, value)
    return Condition("never", 0) if number is None else Condition(name, number)


def _in_other_mailbox(name: str, value: Any) -> Node:
    _check(isinstance(value, list) and all(map(ids.is_id, value)), name, "an array of Ids")
    numbers = [number for id in value if (number := ids.number(mailboxes.ID_PREFIX, id)) is not None]
    return Condition(name, orjson.dumps(numbers).decode())


def _keyword(name: str, value: Any) -> Node:
    _check(isinstance(value, str), name, "a string")
    opposite = _OPPOSITES.get(name)
    has = Condition(opposite or name, value.lower())
    return has if opposite is None else Operator("NOT", (has,))


_OPPOSITES = {"notKeyword": "hasKeyword", "noneInThreadHaveKeyword": "someInThreadHaveKeyword"}


def _header(name: str, value: Any) -> Node:
    right = isinstance(value, list) and len(value) in (1, 2) and all(isinstance(one, str) for one in value)
    _check(right, name, "an array of a field's name and perhaps a text")
    return Condition(name, orjson.dumps(value).decode())


def has_header(body: bytes, wanted: str) -> bool:
    """Whether an Email has a header field, as SQL asks (RFC 8621 section 4.4.1).

    :param body: as it is kept; see `jmapd.datatypes.email.properties`.
    :param wanted: the condition's array, as JSON.
    """
    name, *text = orjson.loads(wanted)
    headers = orjson.loads(b"{" + body.split(b"\n", len(BODY))[_HEADERS] + b"}")["headers"]
    values = (one["value"] for one in headers if one["name"].lower() == name.lower())
    return any(not text or casemap(text[0]) in casemap(str(FORMS["asText"](value))) for value in values)


def _date(name: str, value: Any) -> Node:
    moment = parse_utc_date(value)
    _check(moment is not None, name, "a UTCDate")
    return Condition(name, moment)


def _size(name: str, value: Any) -> Node:
    _check(type(value) is int and value >= 0, name, "an UnsignedInt")
    return Condition(name, value)


def _boolean(name: str, value: Any) -> Node:
    _check(isinstance(value, bool), name, "a Boolean")
    return Condition(name, value)


def _text(name: str, value: Any) -> Node:
    _check(isinstance(value, str), name, "a string")
    expression = search.expression(name, value)
    return _EVERYTHING if expression is None else Condition("text", expression)


CONDITIONS: dict[str, Callable[[str, Any], Node]] = {
    "inMailbox": _in_mailbox,
    "inMailboxOtherThan": _in_other_mailbox,
    **dict.fromkeys(("hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword", *_OPPOSITES), _keyword),
    "header": _header,
    "before": _date,
    "after": _date,
    "minSize": _size,
    "maxSize": _size,
    "hasAttachment": _boolean,
    **dict.fromkeys(search.CONDITION_COLUMNS, _text),
}


def _check(right: bool, name: str, what: str) -> None:
    if not right:
        raise invalid_arguments(f"The condition {name} must be {what}.")
