"""What types have in common whose objects are kept as JSON (`jmapd.store.objects`): reading, and checking what is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.protocol.dates import parse_utc_date
from jmapd.protocol.errors import invalid_properties
from jmapd.store import objects

Kinds = Mapping[str, Callable[[Any], bool]]
"""For each property that a client may give, what tells whether a value is of its type."""


@attrs.frozen
class ObjectGetter:
    """/get of such a type for one account.

    :param type: its name.
    :param id_of: the Id of an object's number.
    """

    context: Context
    scope: Scope
    type: str
    id_of: Callable[[int], str]
    properties: Sequence[str]

    def all(self) -> list[int]:
        """The numbers of all objects."""
        return list(objects.all_of(self.context.store.database, self.scope.number, self.type))

    def fetch(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Those that there are, with the properties wanted."""
        found = objects.some_of(self.context.store.database, self.scope.number, self.type, numbers)
        for number, value in found.items():
            value["id"] = self.id_of(number)
            yield number, {name: value[name] for name in self.properties}


def getter(
    type: str, id_of: Callable[[int], str]
) -> Callable[[Context, Scope, Sequence[str], Arguments], ObjectGetter]:
    """What makes the `ObjectGetter` of a type."""
    return lambda context, scope, properties, _: ObjectGetter(context, scope, type, id_of, properties)


def check(given: Mapping[str, Any], kinds: Kinds, *, fixed: Mapping[str, Any]) -> None:
    """Refuse what a client may not give.

    :param kinds: of the properties that it may.
    :param fixed: those that it may not change, each with the value that it may repeat.
    :raises SetError: ``invalidProperties`` naming all that are wrong.
    """
    wrong = [name for name, value in given.items() if not _is_right(name, value, kinds, fixed)]
    if wrong:
        raise invalid_properties("These properties cannot have these values.", *(name[:100] for name in sorted(wrong)))


def _is_right(name: str, value: Any, kinds: Kinds, fixed: Mapping[str, Any]) -> bool:
    if name in fixed:
        return bool(value == fixed[name])
    return name in kinds and kinds[name](value)


def is_string(value: Any) -> bool:
    """Whether a value is a String."""
    return isinstance(value, str)


def is_string_or_null(value: Any) -> bool:
    """Whether a value is a String or null."""
    return value is None or isinstance(value, str)


def is_boolean(value: Any) -> bool:
    """Whether a value is a Boolean."""
    return isinstance(value, bool)


def is_utc_date_or_null(value: Any) -> bool:
    """Whether a value is a UTCDate or null."""
    return value is None or parse_utc_date(value) is not None


def is_addresses_or_null(value: Any) -> bool:
    """Whether a value is an EmailAddress[] or null (RFC 8621 section 4.1.2.3)."""
    return value is None or (isinstance(value, list) and all(_is_address(one) for one in value))


def _is_address(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"name", "email"}
        and isinstance(value.get("email"), str)
        and is_string_or_null(value.get("name"))
    )
