"""EmailSubmission/query: submissions are filtered and sorted here (RFC 8621 section 7.3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from jmapd.datatypes.email_submission.record import NAME, submission_id
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
from jmapd.protocol.dates import parse_utc_date
from jmapd.store import objects

Test = Callable[[tuple[int, objects.Object]], bool]

SORT_KEYS: dict[str, Callable[[tuple[int, objects.Object]], Any]] = {
    "emailId": lambda one: one[1]["emailId"],
    "threadId": lambda one: one[1]["threadId"],
    "sentAt": lambda one: _sent_at(one[1]),
}


def query(context: Context, scope: Scope, arguments: Arguments) -> ListedResults:
    """Find submissions."""
    test = read_filter(arguments, partial(read_condition, CONDITIONS), joined)
    sort = read_sort(arguments, SORT_KEYS)
    rows = objects.all_of(context.store.database, scope.number, NAME)
    found = [one for one in rows.items() if test is None or test(one)]
    return ListedResults([number for number, _ in ordered(found, sort, SORT_KEYS)], submission_id)


def _sent_at(row: objects.Object) -> int:
    moment = parse_utc_date(row["sendAt"])
    assert moment is not None
    return moment


def _among(property: str, condition: str, value: Any) -> Test:
    check_condition(isinstance(value, list) and all(isinstance(id, str) for id in value), condition)
    return lambda one: one[1][property] in value


def _undo_status(value: Any) -> Test:
    check_condition(isinstance(value, str), "undoStatus")
    return lambda one: one[1]["undoStatus"] == value


def _moment(condition: str, value: Any) -> int:
    moment = parse_utc_date(value)
    check_condition(moment is not None, condition)
    assert moment is not None
    return moment


def _before(value: Any) -> Test:
    moment = _moment("before", value)
    return lambda one: _sent_at(one[1]) < moment


def _after(value: Any) -> Test:
    moment = _moment("after", value)
    return lambda one: _sent_at(one[1]) >= moment


CONDITIONS: dict[str, Callable[[Any], Test]] = {
    "identityIds": partial(_among, "identityId", "identityIds"),
    "emailIds": partial(_among, "emailId", "emailIds"),
    "threadIds": partial(_among, "threadId", "threadIds"),
    "undoStatus": _undo_status,
    "before": _before,
    "after": _after,
}
