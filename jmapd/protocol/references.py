"""Back-references between the method calls of one Request (RFC 8620 section 3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from jmapd.protocol.errors import MethodError, invalid_arguments

Response = tuple[str, Any, str]
"""One entry of ``methodResponses``: name, arguments, method call id."""

_MISSING = object()


def resolve(arguments: dict[str, Any], responses: Sequence[Response]) -> dict[str, Any]:
    """The arguments with each ``#name`` replaced by what its ResultReference points to.

    :param arguments: the arguments of a method call, as they came.
    :param responses: the responses of the calls before it.
    :raises MethodError: ``invalidArguments`` where a name is there twice, ``invalidResultReference`` where a
        reference cannot be resolved.
    """
    if not any(name.startswith("#") for name in arguments):
        return arguments
    resolved = {}
    for name, value in arguments.items():
        if not name.startswith("#"):
            resolved[name] = value
        elif name[1:] in arguments:
            raise invalid_arguments(f"{name[1:]!r} is given both as itself and as a reference.")
        else:
            resolved[name[1:]] = _referred(value, responses)
    return resolved


def _referred(reference: Any, responses: Sequence[Response]) -> Any:
    if not isinstance(reference, dict) or not all(
        isinstance(reference.get(member), str) for member in ("resultOf", "name", "path")
    ):
        raise _unresolved("A ResultReference has the members resultOf, name and path.")
    for name, arguments, call_id in responses:
        if call_id == reference["resultOf"]:
            if name != reference["name"]:
                raise _unresolved(f"The first response to {call_id!r} is {name!r}.")
            found = point(_plain(arguments), reference["path"])
            if found is _MISSING:
                raise _unresolved(f"Nothing is at the path {reference['path']!r}.")
            return found
    raise _unresolved(f"There is no response to {reference['resultOf']!r} before this call.")


def _plain(arguments: Any) -> Any:
    """Arguments with what they hold as ready JSON made into values."""
    objects = arguments.get("list")
    if isinstance(objects, list) and any(isinstance(one, orjson.Fragment) for one in objects):
        return orjson.loads(orjson.dumps(arguments))
    return arguments


def point(value: Any, path: str) -> Any:
    """What a JSON Pointer (RFC 6901) leads to, ``*`` mapping over an array as RFC 8620 section 3.7 adds.

    :param value: the JSON value to look in.
    :param path: the pointer; the empty one is the value itself.
    :returns: what was found, or a private marker that equals nothing where there is nothing.
    """
    if path == "":
        return value
    if not path.startswith("/"):
        return _MISSING
    return _walk(value, [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")])


def _walk(value: Any, parts: list[str]) -> Any:
    for at, part in enumerate(parts):
        if isinstance(value, dict):
            value = value.get(part, _MISSING)
        elif isinstance(value, list) and part == "*":
            return _map(value, parts[at + 1 :])
        elif isinstance(value, list) and part.isascii() and part.isdigit() and (part == "0" or part[0] != "0"):
            index = int(part) if len(part) < 10 else len(value)
            value = value[index] if index < len(value) else _MISSING
        else:
            return _MISSING
        if value is _MISSING:
            return _MISSING
    return value


def _map(items: list[Any], parts: list[str]) -> Any:
    if len(parts) == 1 and all(isinstance(item, dict) for item in items):
        found = [item.get(parts[0], _MISSING) for item in items]
    else:
        found = [_walk(item, parts) for item in items]
    flat: list[Any] = []
    for item in found:
        if item is _MISSING:
            return _MISSING
        if isinstance(item, list):
            flat.extend(item)
        else:
            flat.append(item)
    return flat


def is_missing(value: Any) -> bool:
    """Whether `point` found nothing."""
    return value is _MISSING


def _unresolved(description: str) -> MethodError:
    return MethodError("invalidResultReference", description)
