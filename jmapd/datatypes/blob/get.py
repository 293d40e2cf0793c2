"""Blob/get: octets and digests of blobs, whole or of a range (RFC 9404 section 4.2)."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from jmapd.datatypes.blob.capability import DIGESTS
from jmapd.datatypes.blob.find import read, visible
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.get import read_properties
from jmapd.methods.registry import Method
from jmapd.protocol.capabilities import BLOB
from jmapd.protocol.errors import MethodError, invalid_arguments

_DATA, _TEXT, _BASE64, _DIGEST = "data", "data:asText", "data:asBase64", "digest:"
_NONCHARACTER = re.compile(
    "[\ufdd0-\ufdef" + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17)) + "]"
)
"""What is UTF-8, but may not be in I-JSON (RFC 7493 section 2.1)."""


def run(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Blob/get."""
    arguments.refuse_others(("accountId", "ids", "properties", "offset", "length"))
    scope = context.scope(arguments)
    ids = arguments.ids("ids")
    if ids is None:
        raise invalid_arguments("Blobs cannot be listed: ids must name them.")
    if len(ids) > context.limits.max_objects_in_get:
        raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_get} blobs at once.")
    properties = read_properties(arguments, (_DATA, "size"), _is_property)
    offset, length = arguments.unsigned("offset") or 0, arguments.unsigned("length")
    found = {id: _shown(context, scope, id, properties, offset, length) for id in ids}
    return {
        "accountId": scope.access.id,
        "list": [one for one in found.values() if one is not None],
        "notFound": [id for id, one in found.items() if one is None],
    }


METHOD = Method("Blob/get", BLOB, writes=False, run=run)


def _is_property(name: str) -> bool:
    return name in ("id", "size", _DATA, _TEXT, _BASE64) or name.removeprefix(_DIGEST) in DIGESTS


def _shown(
    context: Context, scope: Scope, given: str, properties: list[str], offset: int, length: int | None
) -> dict[str, Any] | None:
    """The properties of a blob; ``None`` where the user can see none of the Id."""
    found = visible(context, scope, given)
    if found is None:
        return None
    piece, size = found
    shown: dict[str, Any] = {"id": piece.id}
    if "size" in properties:
        shown["size"] = size
    if all(name in ("id", "size") for name in properties):
        return shown
    taken = size if length is None else min(length, size)
    octets = read(context.store, piece, offset, taken) if offset < size else b""
    if offset > size or (length is not None and offset + length > size):
        shown["isTruncated"] = True
    for name in properties:
        if name.startswith(_DIGEST):
            digest = hashlib.new(DIGESTS[name.removeprefix(_DIGEST)], octets, usedforsecurity=False).digest()
            shown[name] = base64.b64encode(digest).decode()
    _show_data(context, shown, set(properties), octets)
    return shown


def _show_data(context: Context, shown: dict[str, Any], properties: set[str], octets: bytes) -> None:
    wants_text, wants_base64 = bool(properties & {_DATA, _TEXT}), _BASE64 in properties
    if not wants_text and not wants_base64:
        return
    context.spend(len(octets) * (wants_text + 4 * wants_base64 // 3 + 1))
    text = _text(octets) if wants_text else None
    if wants_text and text is None:
        shown["isEncodingProblem"] = True
    if _TEXT in properties or text is not None:
        shown[_TEXT] = text
    if wants_base64 or (_DATA in properties and text is None):
        shown[_BASE64] = base64.b64encode(octets).decode()


def _text(octets: bytes) -> str | None:
    """The octets as text, if they are I-JSON's."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return None
    return None if _NONCHARACTER.search(text) else text
