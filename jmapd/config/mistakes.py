"""What is wrong with a configuration, said in one line for each mistake."""

from __future__ import annotations

import json
import re
from typing import Any

import attrs

Key = tuple[str, ...]
"""The way to a value: the names of the tables around it, then its own."""

_SHOWN = 80
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_PASSWORD = re.compile(r"(://[^/@:]*):[^/@]*@")


class ConfigurationError(Exception):
    """The configuration cannot be used.

    :param lines: one for each mistake; together they are all that is wrong.
    """

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@attrs.frozen
class Mistake:
    """One thing that is wrong.

    :param key: where.
    :param value: what is there; ``...`` where nothing is.
    :param why: what is wrong and what is allowed, to follow after the value.
    :param beside: what other settings are part of it: if one of them is wrong by itself, that line is enough.
    """

    key: Key
    value: Any
    why: str
    beside: tuple[Key, ...] = ()

    def line(self, file: str) -> str:
        """The mistake as a person reads it."""
        said = "" if self.value is ... else f" = {shown(self.value)}"
        return f"{file}: {dotted(self.key)}{said}: {self.why}"


def dotted(key: Key) -> str:
    """A key as TOML writes it."""
    return ".".join(name if _BARE.match(name) else json.dumps(name, ensure_ascii=False) for name in key)


def shown(value: Any) -> str:
    """A value much as TOML writes it, on one line, shortened, and without the password of a URL."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = _PASSWORD.sub(r"\1:…@", text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
