"""Ids (RFC 8620 section 1.2): from 1 to 255 characters of the URL-safe base64 alphabet."""

from __future__ import annotations

import re
from typing import Any, TypeGuard

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
_NUMBERED = re.compile(r"([a-z])(0|[1-9a-f][0-9a-f]{0,15})\Z")


def is_id(value: Any) -> TypeGuard[str]:
    """Whether a value is an Id."""
    return isinstance(value, str) and _ID.match(value) is not None


def numbered(prefix: str, number: int) -> str:
    """The Id of the object that the store knows by a number: a letter for its type, then the number in hex."""
    return f"{prefix}{number:x}"


def number(prefix: str, id: str) -> int | None:
    """The store's number of an Id made by `numbered`, or ``None`` where it cannot be one."""
    match = _NUMBERED.match(id)
    return int(match[2], 16) if match and match[1] == prefix else None
