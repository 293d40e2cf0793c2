"""/get, for every data type (RFC 8620 section 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context
from jmapd.methods.datatype import DataType, Getter
from jmapd.methods.registry import Method
from jmapd.protocol.errors import MethodError, invalid_arguments

_ARGUMENTS = ("accountId", "ids", "properties")


def get(type: DataType) -> Method:
    """The type's /get."""

    def run(context: Context, arguments: Arguments) -> dict[str, Any]:
        arguments.refuse_others((*_ARGUMENTS, *type.get_arguments))
        scope = context.scope(arguments)
        ids = arguments.ids("ids")
        getter = type.getter(context, scope, _properties(type, arguments), arguments)
        read = read_objects(context, getter, ids, lambda id: type.number_of(scope.number, id), type.id_of)
        return {"accountId": scope.access.id, "state": scope.state(type.name), **read}

    return Method(f"{type.name}/get", type.capability, writes=False, run=run)


def read_objects(
    context: Context,
    getter: Getter,
    ids: Sequence[str] | None,
    number_of: Callable[[str], int | None],
    id_of: Callable[[int], str],
) -> dict[str, Any]:
    """The objects of a /get, and the Ids of which there are none: ``list`` and ``notFound`` of its response.

    :param ids: those wanted; ``None``: all.
    :param number_of: the number of an Id, or ``None`` where it cannot be one.
    :param id_of: the Id of an object's number.
    :raises MethodError: ``requestTooLarge``.
    """
    numbers: list[int] = []
    not_found: list[str] = []
    if ids is None:
        numbers.extend(getter.all())
    else:
        _bound(context, len(ids))
        for id in ids:
            number = number_of(id)
            if number is None:
                not_found.append(id)
            else:
                numbers.append(number)
    _bound(context, len(numbers))
    found = dict(getter.fetch(numbers))
    not_found.extend(id_of(number) for number in numbers if number not in found)
    return {"list": [found[number] for number in numbers if number in found], "notFound": not_found}


def _properties(type: DataType, arguments: Arguments) -> list[str]:
    default = type.default_properties or type.properties
    names = read_properties(
        arguments, default, lambda name: name in type.properties or bool(type.is_property and type.is_property(name))
    )
    return names if "id" in names else ["id", *names]


def read_properties(arguments: Arguments, default: Sequence[str], is_property: Callable[[str], bool]) -> list[str]:
    """The ``properties`` argument: which are wanted.

    :param default: those that are given unasked.
    :raises MethodError: ``invalidArguments`` where there is no such property.
    """
    names = arguments.names("properties")
    for name in names or ():
        if not is_property(name):
            raise invalid_arguments(f"There is no property {name[:100]!r}.")
    return list(default) if names is None else names


def _bound(context: Context, count: int) -> None:
    if count > context.limits.max_objects_in_get:
        raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_get} objects at once.")
