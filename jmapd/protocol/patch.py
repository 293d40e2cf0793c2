"""PatchObject (RFC 8620 section 5.3): how an update says what to change."""

from __future__ import annotations

from typing import Any

from jmapd.protocol.errors import SetError


def apply(patch: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
    """The new values of the properties that a patch touches.

    :param patch: the PatchObject: JSON Pointers without their first slash, each with its new value.
    :param current: the object's properties as a client would see them.
    :returns: for each top-level property touched its new value; ``None`` stands for "its default".
    :raises SetError: ``invalidPatch`` where paths overlap, lead nowhere or into an array.
    """
    touched: dict[str, Any] = {}
    paths = {path: tuple(_unescape(part) for part in path.split("/")) for path in patch}
    _check_overlaps(set(paths.values()))
    for path, value in patch.items():
        first, *rest = paths[path]
        if not rest:
            touched[first] = value
            continue
        touched[first] = touched.get(first, current.get(first))
        touched[first] = _patched(touched[first], rest, value, path)
    return touched


def _patched(target: Any, parts: list[str], value: Any, path: str) -> Any:
    if not isinstance(target, dict):
        raise _invalid(f"{path!r} leads to no member of an object.")
    changed = dict(target)
    name, *rest = parts
    if rest:
        if name not in changed:
            raise _invalid(f"The parent of {path!r} does not exist.")
        changed[name] = _patched(changed[name], rest, value, path)
    elif value is None:
        changed.pop(name, None)
    else:
        changed[name] = value
    return changed


def _check_overlaps(paths: set[tuple[str, ...]]) -> None:
    for path in paths:
        for length in range(1, len(path)):
            if path[:length] in paths:
                raise _invalid(f"{'/'.join(path)!r} lies below another path of the same patch.")


def _unescape(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _invalid(description: str) -> SetError:
    return SetError("invalidPatch", description)
