"""A TOML file read against the table of settings: each value by itself."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from jmapd.config import table
from jmapd.config.kinds import Unfit
from jmapd.config.mistakes import ConfigurationError, Key, Mistake, dotted, shown


@attrs.frozen
class Values:
    """All values, those of the file and the defaults.

    :param file: what to call the file.
    :param said: what the file says, as it says it.
    :param read: what is in force, checked; a wrong value's place has the default.
    :param listeners: their names, in order.
    :param mistakes: what is wrong with single values.
    :param pending: the keys whose values in the file take a restart, where these are for a server that runs.
    """

    file: str
    said: Mapping[Key, Any]
    read: Mapping[Key, Any]
    listeners: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    pending: tuple[Key, ...] = ()

    def __getitem__(self, key: str) -> Any:
        """The value in force at a dotted key that holds no name of the administrator's."""
        return self.read[tuple(key.split("."))]

    def written(self, key: Key) -> str:
        """A value as a line about it shows it, and whether it is a default."""
        if key in self.said:
            return shown(self.said[key])
        setting = table.declared(key)
        return f"{shown(setting.default if setting else '')} (the default)"

    def differing(self, other: Values) -> tuple[Key, ...]:
        """The keys at which others have another value."""
        keys = dict.fromkeys((*self.read, *other.read))
        return tuple(key for key in keys if self.read.get(key) != other.read.get(key))

    def after_reload(self, running: Values) -> Values:
        """What is in force when a server that runs has read the file: what takes a restart stays as it is there."""
        pending = tuple(key for key in self.differing(running) if _takes_restart(key))
        said = {key: value for key, value in self.said.items() if key not in pending}
        read = {key: value for key, value in self.read.items() if key not in pending}
        return attrs.evolve(
            self,
            said=said | {key: running.said[key] for key in pending if key in running.said},
            read=read | {key: running.read[key] for key in pending if key in running.read},
            listeners=running.listeners,
            pending=pending,
        )

    @property
    def changed(self) -> tuple[str, ...]:
        """The settings that are not at their defaults, each as a line about it shows it."""
        defaults = _defaults(self.listeners)
        named = sorted(key for key in self.said if self.read.get(key) != defaults.get(key))
        return tuple(f"{dotted(key)} = {shown(self.said[key])}" for key in named)


def _takes_restart(key: Key) -> bool:
    setting = table.declared(key)
    return setting is not None and setting.restart


def read_file(path: Path | None) -> Values:
    """Read a file, or the defaults alone.

    :raises ConfigurationError: where it cannot be read at all.
    """
    file = "built-in defaults" if path is None else str(path)
    said, mistakes = _canonical({} if path is None else _parse(path))
    listeners, absent = _listeners(said)
    read: dict[Key, Any] = _defaults(listeners)
    for key, value in said.items():
        setting = table.declared(key)
        if setting is None:
            mistakes.extend(_unknown(key, value))
            continue
        try:
            read[key] = setting.kind.read(value)
        except Unfit as unfit:
            wrong = unfit.args or (value,)
            mistakes.extend(Mistake(key, one, f"must be {setting.kind.allowed}") for one in wrong)
    return Values(file, said, read, listeners, (*mistakes, *absent))


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{path}: is no TOML: it is not UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"{path}: is no TOML: {error}"]) from None


def _canonical(document: dict[str, Any]) -> tuple[dict[Key, Any], list[Mistake]]:
    """The leaves of a document by key, with tables called by their one name."""
    said: dict[Key, Any] = {}
    mistakes = []
    for key, value in _leaves(document, ()):
        name = next((one for alias, one in table.ALIASES.items() if key[: len(alias)] == alias), None)
        known = key if name is None else name + key[len(name) :]
        if known in said:
            mistakes.append(Mistake(key, value, f"is there twice: {dotted(known)} means the same"))
        said[known] = value
    return said, mistakes


def _leaves(document: Mapping[str, Any], above: Key) -> Iterator[tuple[Key, Any]]:
    for name, value in document.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _listeners(said: Mapping[Key, Any]) -> tuple[tuple[str, ...], list[Mistake]]:
    depth = len(table.LISTENERS)
    named = tuple(dict.fromkeys(key[depth] for key in said if key[:depth] == table.LISTENERS and len(key) > depth))
    absent = []
    for name in named:
        key = (*table.LISTENERS, name, "endpoint")
        if key not in said:
            absent.append(Mistake(key, ..., f'must be there, such as "{table.DEFAULT_ENDPOINT}"'))
    return named or (table.DEFAULT_LISTENER,), absent


def _defaults(listeners: tuple[str, ...]) -> dict[Key, Any]:
    values = {}
    for setting in table.SETTINGS:
        default = table.DEFAULT_ENDPOINT if setting.default is table.REQUIRED else setting.default
        for name in listeners if table.ANY in setting.key else ("",):
            key = tuple(name if part == table.ANY else part for part in setting.key)
            values[key] = setting.kind.read(default)
    return values


def _unknown(key: Key, value: Any) -> Iterator[Mistake]:
    if table.is_table(key):
        if value != {}:
            yield Mistake(key, value, f"must be a table, [{dotted(key)}]")
        return
    above = next(key[:end] for end in range(len(key) - 1, -1, -1) if table.is_table(key[:end]))
    known = table.names_in(above)
    near = difflib.get_close_matches(key[len(above)], known, 1)
    meant = f"did you mean {near[0]}? " if near else ""
    yield Mistake(key, value, f"is no setting; {meant}{_place(above)} has {', '.join(known)}")


def _place(above: Key) -> str:
    return f"[{dotted(above)}]" if above else "the file"
