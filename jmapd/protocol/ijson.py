"""I-JSON (RFC 7493): what may come from outside, checked beyond what the JSON parser checks.

orjson refuses invalid UTF-8, unpaired surrogates and everything that is no JSON. It lets duplicate member names
through, so those are looked for here, and it nests 1,024 deep, so depth is bounded here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import orjson

MAX_DEPTH = 100
"""Levels of arrays and objects within each other."""

_NO_MEMORY = "Not enough memory"


class NotIJSON(ValueError):
    """The bytes are no I-JSON text; the message says why, in words for the client's developer."""


def loads(text: bytes) -> Any:
    """Parse an I-JSON text.

    :param text: the bytes as they came.
    :returns: the value.
    :raises NotIJSON: for anything RFC 7493 forbids, and above `MAX_DEPTH`.
    :raises MemoryError: where the parser says so, which calls it an error of the text.
    """
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH:
        _check_depth(text)
    # before what is kept is made, for both at once would take twice the memory
    with suppress(UnicodeDecodeError, json.JSONDecodeError):
        _DUPLICATES.decode(text.decode())
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if error.msg.startswith(_NO_MEMORY):
            raise MemoryError from None
        raise NotIJSON(f"Not JSON: {error.msg} at character {error.pos}.") from None


def dumps(value: Any) -> bytes:
    """The JSON text of a value made here."""
    return orjson.dumps(value)


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({name for name, _ in pairs}) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise NotIJSON(f"The member name {repeated[:100]!r} is repeated in an object.")


_DUPLICATES = json.JSONDecoder(object_pairs_hook=_refuse_duplicates, parse_int=float)  # int() refuses long texts


def _check_depth(text: bytes) -> None:
    """Count brackets outside strings; a text that is no JSON is told apart by the parser afterwards."""
    depth = 0
    in_string = False
    outside = text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    for piece in outside:
        if not in_string:
            for byte in piece:
                if byte in b"[{":
                    depth += 1
                    if depth > MAX_DEPTH:
                        raise NotIJSON(f"Nested deeper than {MAX_DEPTH} levels.")
                elif byte in b"]}":
                    depth -= 1
        in_string = not in_string
