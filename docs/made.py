"""What the pages of the reference have from jmapd itself: a line `% made: NAME` becomes what NAME makes.

What else the line says is for those who read the page unbuilt.

Settings and commands are told as in the manual pages (`jmapd.ctl.manuals`), metrics as the registry has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import click
from sphinx.application import Sphinx

from jmapd.config import table
from jmapd.ctl import manuals
from jmapd.ctl.command import main
from jmapd.observe.metrics import Metrics
from jmapd.readings import read_all

_SUFFIXES = {"counter": "_total", "info": "_info"}
"""What the text format adds to the names of these kinds."""

_LINE = re.compile(r"^% made: (\w+).*$", re.MULTILINE)


def settings() -> Iterator[str]:
    """A section for each table, and in it each setting."""
    tables: dict[str, list[table.Setting]] = {}
    for setting in table.SETTINGS:
        tables.setdefault(".".join(manuals.named(setting)[:-1]), []).append(setting)
    for name, inside in tables.items():
        yield f"## `[{name}]`\n"
        for one in inside:
            yield f"`{one.key[-1]}`\n: {_plain(one.doc)}.\n  {_plain(manuals.allowed(one))}\n"


def commands() -> Iterator[str]:
    """The options before any command, and a section for each command."""
    yield from _options(main)
    for path, command in manuals.commands():
        usage = " ".join(["jmapctl", *path, *command.collect_usage_pieces(click.Context(command))])
        yield f"## {' '.join(path)}\n\n`{usage}`\n\n{_plain(command.help or '')}\n"
        yield from _options(command)


def _options(command: click.Command) -> Iterator[str]:
    for option in command.params:
        if isinstance(option, click.Option) and option.help:
            metavar = f" {option.metavar}" if option.metavar else ""
            yield f"`{', '.join(option.opts)}{metavar}`\n: {_plain(option.help)}\n"


def metrics() -> Iterator[str]:
    """A table of all that is counted and read; the process's own are the client library's."""
    yield "| name | kind | labels | |"
    yield "|---|---|---|---|"
    for name, kind, labels, documentation in families():
        shown = ", ".join(f"`{label}`" for label in labels)
        yield f"| `{name}` | {kind} | {shown} | {_plain(documentation)} |"


def families() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Of all that is counted and read the name, the kind, the labels and what it is."""
    made: Any = Metrics()
    nothing: Any = SimpleNamespace()
    # they are asked for nothing: only their names are wanted
    read_all(made, nothing, nothing, nothing)
    # the registry has no public list of what it was given
    for collector in dict.fromkeys(made.registry._names_to_collectors.values()):  # noqa: SLF001
        for family in collector.describe():
            labels = getattr(collector, "_labelnames", None) or getattr(family, "_labelnames", None) or ()
            yield family.name + _SUFFIXES.get(family.type, ""), family.type, tuple(labels), family.documentation


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    paragraphs = (" ".join(one.split()) for one in text.replace("\b", "").split("\n\n"))
    return re.sub(r"([*_<>\[\]|`~])", r"\\\1", "\n\n".join(paragraphs))


MADE: dict[str, Callable[[], Iterator[str]]] = {"settings": settings, "commands": commands, "metrics": metrics}


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = _LINE.sub(lambda match: "\n".join(MADE[match[1]]()), source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Have the lines replaced."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True}
