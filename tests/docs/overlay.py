"""A part of a configuration, as pages show it, put into a whole one."""

from __future__ import annotations

Tables = dict[str, dict[str, str]]


def overlaid(whole: str, part: str) -> str:
    """A configuration with what a part of it says; each setting stands on a line of its own."""
    tables = _tables(whole)
    for name, settings in _tables(part).items():
        tables.setdefault(name, {}).update(settings)
    return "\n".join(line for name, settings in tables.items() for line in (name, *settings.values())) + "\n"


def _tables(text: str) -> Tables:
    """Lines by tables and keys."""
    tables: Tables = {}
    current: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("["):
            current = tables.setdefault(line.partition("]")[0] + "]", {})
        elif line.strip() and not line.startswith("#"):
            current[line.partition("=")[0].strip()] = line
    return tables
