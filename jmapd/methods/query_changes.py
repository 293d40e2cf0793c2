"""/queryChanges, for every data type that has /query (RFC 8620 section 5.6).

An object's place in the results depends on the object itself, and on those that its type says are related to it. So
all that changed since, and what is related to that, is taken out and what of it is there now put in again.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.datatype import DataType, Results
from jmapd.methods.registry import Method
from jmapd.protocol import statechange
from jmapd.protocol.errors import MethodError, invalid_arguments
from jmapd.store.changes import Changed

_ARGUMENTS = ("accountId", "filter", "sort", "sinceQueryState", "maxChanges", "upToId", "calculateTotal")


def query_changes(type: DataType) -> Method:
    """The type's /queryChanges."""

    def run(context: Context, arguments: Arguments) -> dict[str, Any]:
        arguments.refuse_others((*_ARGUMENTS, *type.query_arguments))
        scope = context.scope(arguments)
        since = arguments.required("sinceQueryState")
        if not isinstance(since, str):
            raise invalid_arguments("sinceQueryState must be a string.")
        most = arguments.unsigned("maxChanges")
        up_to = arguments.id("upToId")
        calculate_total = arguments.boolean("calculateTotal")
        assert type.query is not None
        results = type.query(context, scope, arguments)
        changed = _changed(context, scope, type, results, since)
        removed, added = _difference(type, scope, results, changed, up_to)
        if most is not None and len(removed) + len(added) > most:
            raise MethodError("tooManyChanges")
        response: dict[str, Any] = {
            "accountId": scope.access.id,
            "oldQueryState": since,
            "newQueryState": scope.state(type.name),
            "removed": removed,
            "added": added,
        }
        if calculate_total:
            response["total"] = results.total()
        return response

    return Method(f"{type.name}/queryChanges", type.capability, writes=False, run=run)


def _changed(context: Context, scope: Scope, type: DataType, results: Results, since: str) -> Changed:
    modseq = statechange.modseq(scope.epoch, since)
    if modseq is None or not results.can_calculate_changes:
        raise MethodError("cannotCalculateChanges")
    changed = scope.changes.since(type.name, modseq, context.limits.max_changes)
    if changed is None or changed.more:
        raise MethodError("cannotCalculateChanges")
    return results.with_related(changed, modseq)


def _difference(
    type: DataType, scope: Scope, results: Results, changed: Changed, up_to: str | None
) -> tuple[list[str], list[dict[str, Any]]]:
    """What to take out and what to put in."""
    moved = set() if results.immutable else set(changed.updated)
    added: list[dict[str, Any]] = []
    last = type.number_of(scope.number, up_to) if up_to is not None and results.immutable else None
    left: Set[int] = {*changed.created, *moved}
    end = len(left)
    walked: Iterable[int] = results.walk() if left else ()
    for index, number in enumerate(walked):
        if number in left:
            added.append({"id": type.id_of(number), "index": index})
        if number == last or len(added) == end:
            break
    return [type.id_of(number) for number in (*changed.destroyed, *sorted(moved))], added
