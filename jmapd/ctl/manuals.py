"""Manual pages, made of what they describe: jmapctl(1) of the commands, jmapd.toml(5) of the table of settings.

    python -m jmapd.ctl.manuals FOLDER

writes both into a folder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from jmapd.config import table
from jmapd.ctl.command import main


def jmapctl() -> str:
    """The page of the command, in section 1."""
    lines = [
        _title("JMAPCTL", 1),
        ".SH NAME",
        r"jmapctl \- look after a jmapd server's accounts and mail",
        ".SH SYNOPSIS",
        r".B jmapctl",
        r"[\-\-config FILE] COMMAND \&...",
        ".SH DESCRIPTION",
        _escaped(main.help or ""),
        ".SH COMMANDS",
    ]
    for path, command in commands():
        usage = " ".join(command.collect_usage_pieces(click.Context(command)))
        lines += [".TP", f".B {_escaped(' '.join(path))} {_escaped(usage)}", _escaped(command.help or "")]
        for option in command.params:
            if isinstance(option, click.Option) and option.help:
                names = ", ".join(option.opts) + (f" {option.metavar}" if option.metavar else "")
                lines += [".RS", ".TP", f".B {_escaped(names)}", _escaped(option.help), ".RE"]
    lines += [".SH SEE ALSO", ".BR jmapd.toml (5)"]
    return "\n".join(lines) + "\n"


def jmapd_toml() -> str:
    """The page of the configuration, in section 5."""
    lines = [
        _title("JMAPD.TOML", 5),
        ".SH NAME",
        r"jmapd.toml \- configuration of the JMAP server jmapd",
        ".SH DESCRIPTION",
        "A TOML file. Keys are given here with the tables that they are in; what is left out has its default.",
        "A running server reads it again on SIGHUP, which is what systemctl reload jmapd sends. Where nothing else is said,",
        "that is enough for a changed setting; a file with a mistake changes nothing.",
        ".SH SETTINGS",
    ]
    for setting in table.SETTINGS:
        lines += [
            ".TP",
            f".B {_escaped('.'.join(named(setting)))}",
            _escaped(f"{setting.doc}."),
            ".br",
            _escaped(allowed(setting)),
        ]
    lines += [".SH SEE ALSO", ".BR jmapctl (1)"]
    return "\n".join(lines) + "\n"


def _title(name: str, section: int) -> str:
    return f'.TH {name} {section} "" "jmapd {version("jmapd")}"'


def named(setting: table.Setting) -> tuple[str, ...]:
    """A setting's key, with NAME where a name is chosen."""
    return tuple("NAME" if part == table.ANY else part for part in setting.key)


def allowed(setting: table.Setting) -> str:
    """What a setting may be, what it is by default, and what a change of it takes: sentences."""
    default = "required" if setting.default is table.REQUIRED else f"default: {json.dumps(setting.default)}"
    restart = " Takes a restart." if setting.restart else ""
    return f"It is {setting.kind.allowed}; {default}.{restart}"


def commands(group: click.Group = main, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of `jmapctl`, by its words."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield (*above, name), command
            yield from commands(command, (*above, name))
        else:
            yield (*above, name), command


def _escaped(text: str) -> str:
    """Text as roff takes it for text, paragraphs apart."""
    paragraphs = [" ".join(one.split()) for one in text.replace("\b", "").split("\n\n")]
    plain = "\n.br\n".join(one for one in paragraphs if one)
    escaped = plain.replace("\\", r"\e").replace("-", r"\-")
    return "\n".join(rf"\&{line}" if line.startswith(("'",)) else line for line in escaped.split("\n"))


def write(folder: Path) -> None:
    """Write the pages into a folder."""
    (folder / "jmapctl.1").write_text(jmapctl())
    (folder / "jmapd.toml.5").write_text(jmapd_toml())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
