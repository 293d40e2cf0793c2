"""/query, for every data type (RFC 8620 section 5.5): positions, anchors, limits and totals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.datatype import DataType, Results
from jmapd.methods.registry import Method
from jmapd.protocol.errors import MethodError, invalid_arguments
from jmapd.store.changes import Changed

_ARGUMENTS = ("accountId", "filter", "sort", "position", "anchor", "anchorOffset", "limit", "calculateTotal")

MAX_FILTER_CONDITIONS = 100
MAX_SORT_PROPERTIES = 10

COLLATIONS = ("i;unicode-casemap",)


def query(type: DataType) -> Method:
    """The type's /query."""

    def run(context: Context, arguments: Arguments) -> dict[str, Any]:
        arguments.refuse_others((*_ARGUMENTS, *type.query_arguments))
        scope = context.scope(arguments)
        limit = arguments.unsigned("limit")
        arguments.integer("position")
        arguments.integer("anchorOffset")
        anchor = arguments.id("anchor")
        calculate_total = arguments.boolean("calculateTotal")
        assert type.query is not None
        results = type.query(context, scope, arguments)
        position = _anchored(results, anchor, arguments) if anchor else _counted(results, arguments)
        most = context.limits.max_results
        ids = results.page(position, most if limit is None else min(limit, most))
        response = _response(scope, type, results, position, ids)
        if calculate_total:
            response["total"] = results.total()
        if limit is None or limit > most:
            response["limit"] = most
        return response

    return Method(f"{type.name}/query", type.capability, writes=False, run=run)


def _response(scope: Scope, type: DataType, results: Results, position: int, ids: list[str]) -> dict[str, Any]:
    return {
        "accountId": scope.access.id,
        "queryState": scope.state(type.name),
        "canCalculateChanges": results.can_calculate_changes,
        "position": position,
        "ids": ids,
    }


def _counted(results: Results, arguments: Arguments) -> int:
    position = arguments.integer("position")
    return position if position >= 0 else max(0, results.total() + position)


def _anchored(results: Results, anchor: str, arguments: Arguments) -> int:
    at = results.position_of(anchor)
    if at is None:
        raise MethodError("anchorNotFound")
    return max(0, at + arguments.integer("anchorOffset"))


Test = TypeVar("Test")


def read_filter(
    arguments: Arguments, condition: Callable[[dict[str, Any]], Test], operator: Callable[[str, list[Test]], Test]
) -> Test | None:
    """Read the ``filter`` argument (RFC 8620 section 5.5).

    :param condition: makes a test of a FilterCondition; raises `MethodError` ``unsupportedFilter``.
    :param operator: joins tests by ``AND``, ``OR`` or ``NOT``.
    :returns: ``None`` where there is no filter.
    """
    filter = arguments.object("filter")
    count = 0

    def read(node: Any) -> Test:
        nonlocal count
        count += 1
        if count > MAX_FILTER_CONDITIONS:
            raise MethodError("unsupportedFilter", f"At most {MAX_FILTER_CONDITIONS} conditions.")
        if not isinstance(node, dict):
            raise invalid_arguments("A filter is an object.")
        if "operator" not in node:
            return condition(node)
        name, nodes = node["operator"], node.get("conditions")
        if name not in ("AND", "OR", "NOT") or not isinstance(nodes, list) or len(node) != 2:
            raise invalid_arguments("A FilterOperator has an operator (AND, OR or NOT) and conditions.")
        return operator(name, [read(one) for one in nodes])

    return None if filter is None else read(filter)


def joined(name: str, tests: list[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    """The FilterOperator of a name over tests of objects."""
    if name == "AND":
        return lambda one: all(test(one) for test in tests)
    if name == "OR":
        return lambda one: any(test(one) for test in tests)
    return lambda one: not any(test(one) for test in tests)


def read_condition(
    conditions: Mapping[str, Callable[[Any], Callable[[Any], bool]]], condition: dict[str, Any]
) -> Callable[[Any], bool]:
    """A FilterCondition as a test of objects.

    :param conditions: makes a test of each property's value; raises `MethodError` ``invalidArguments``.
    :raises MethodError: ``unsupportedFilter``.
    """
    unknown = condition.keys() - conditions.keys()
    if unknown:
        raise MethodError("unsupportedFilter", f"Unknown conditions: {', '.join(sorted(unknown))[:200]}.")
    return joined("AND", [conditions[name](value) for name, value in condition.items()])


def check_condition(right: bool, name: str) -> None:
    """Refuse a condition's value.

    :raises MethodError: ``invalidArguments`` unless it is right.
    """
    if not right:
        raise invalid_arguments(f"The condition {name} has a value of the wrong type.")


@attrs.frozen
class ListedResults:
    """What was found of a type that has few objects: all of it, in order.

    :param id_of: the Id of an object's number.
    """

    numbers: list[int]
    id_of: Callable[[int], str]
    can_calculate_changes: bool = True
    immutable: bool = False

    def total(self) -> int:
        """How many there are."""
        return len(self.numbers)

    def page(self, position: int, limit: int) -> list[str]:
        """The Ids from a position on."""
        return [self.id_of(number) for number in self.numbers[position : position + limit]]

    def position_of(self, id: str) -> int | None:
        """Where an Id is among them."""
        ids = [self.id_of(number) for number in self.numbers]
        return ids.index(id) if id in ids else None

    def walk(self) -> Iterator[int]:
        """The numbers of all of them, in order."""
        return iter(self.numbers)

    def with_related(self, changed: Changed, since: int) -> Changed:
        """Each has its place by itself."""
        return changed


def ordered(objects: list[Any], sort: Sequence[Comparator], keys: Mapping[str, Callable[[Any], Any]]) -> list[Any]:
    """Objects sorted; those that are equal stay as they are.

    :param keys: for each property what of an object is compared.
    """
    found = list(objects)
    # sorting is stable, so the last comparator goes first
    for one in reversed(sort):
        found.sort(key=keys[one.property], reverse=not one.ascending)
    return found


@attrs.frozen
class Comparator:
    """One of the things that results are sorted by.

    :param keyword: for those properties that are of one (RFC 8621 section 4.4.2).
    """

    property: str
    ascending: bool = True
    keyword: str | None = None


def read_sort(
    arguments: Arguments, properties: Collection[str], of_keyword: Collection[str] = ()
) -> tuple[Comparator, ...]:
    """Read the ``sort`` argument.

    :param properties: what the type can sort by.
    :param of_keyword: those among them that need a keyword.
    :raises MethodError: ``unsupportedSort`` or ``invalidArguments``.
    """
    comparators = arguments.array("sort") or []
    if len(comparators) > MAX_SORT_PROPERTIES:
        raise MethodError("unsupportedSort", f"At most {MAX_SORT_PROPERTIES} comparators.")
    return tuple(_comparator(one, properties, of_keyword) for one in comparators)


def _comparator(comparator: Any, properties: Collection[str], of_keyword: Collection[str]) -> Comparator:
    if not isinstance(comparator, dict) or not isinstance(comparator.get("property"), str):
        raise invalid_arguments("A Comparator is an object with a property.")
    name = comparator["property"]
    if name not in properties:
        raise MethodError("unsupportedSort", f"Sorting by {name[:100]!r} is not supported.")
    if comparator.get("collation") not in (None, *COLLATIONS):
        raise MethodError("unsupportedSort", f"Collations are {', '.join(COLLATIONS)}.")
    ascending = comparator.get("isAscending", True)
    if not isinstance(ascending, bool):
        raise invalid_arguments("isAscending must be true or false.")
    keyword = comparator.get("keyword")
    if name not in of_keyword:
        return Comparator(name, ascending)
    if not isinstance(keyword, str):
        raise invalid_arguments(f"Sorting by {name} needs a keyword.")
    return Comparator(name, ascending, keyword.lower())
