"""A reload: the parts of a server are left as a start with the same file would have made them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from jmapd.config import Settings, load, load_again, table
from jmapd.observe.twistd import LoggedService
from jmapd.service import JmapdService, make_service
from tests.inreactor import run

OTHER = {
    "server.allowed-origins": '["https://webmail.example"]',
    "server.trusted-proxies": '["192.0.2.1"]',
    "log.level": '"warn"',
    "log.format": '"json"',
    "log.access": "false",
    "workers.count": "7",
    "workers.memory": '"256MiB"',
    "workers.soft-deadline": '"3s"',
    "workers.hard-deadline": '"20s"',
    "auth.penalty": '"5s"',
    "auth.penalty-exempt": '["192.0.2.0/24"]',
    "jmap.web-sockets.throttle": '"2s"',
    "jmap.web-sockets.timeout": '"20m"',
    "jmap.web-sockets.heartbeat": '"7s"',
    "jmap.web-sockets.compression": "false",
    "jmap.web-sockets.compression-window-bits": "12",
    "jmap.web-sockets.max-unsent": '"1MiB"',
    "jmap.protocol.upload.max-size": '"40MB"',
    "jmap.protocol.upload.ttl": '"2h"',
    "jmap.push.allowed-networks": '["192.0.2.0/24"]',
    "jmap.changes.keep": '"2d"',
}
"""Another value of settings; of the others it is made of the default."""

CERTIFICATES = ("server.tls.certificate", "server.tls.private-key", "server.http2")
"""These are told to certificates, which are tested with a server that runs."""

RELOADED = [setting for setting in table.SETTINGS if not setting.restart and ".".join(setting.key) not in CERTIFICATES]


def other(setting: table.Setting) -> str:
    """Another value than the default, as TOML has it."""
    name = ".".join(setting.key)
    if name in OTHER:
        return OTHER[name]
    default = setting.kind.read(setting.default)
    if isinstance(default, bool):
        return str(not default).lower()
    return str(int(default) + 1)


def made(path: Path) -> JmapdService:
    """A server that is not started."""
    settings = load(path, {})
    # it is put into no application, so it logs nothing
    logged = LoggedService(None, None, settings.log.level, settings.log.json)
    return make_service(settings, MemoryReactorClock(), lambda running: load_again(path, running), logged)


def reload(service: JmapdService) -> None:
    """What a hangup does."""

    async def whole() -> None:
        await service._reload.run(None)

    run(whole())


def held(root: Any) -> dict[str, Any]:
    """All values that are held by objects of ours within another, each by the way that leads to it.

    The configuration itself is left out: who is handed all of it takes a restart for what it reads there.
    """
    found: dict[str, Any] = {}
    seen: set[int] = set()

    def look(way: str, value: Any) -> None:
        if isinstance(value, Settings):
            return
        if isinstance(value, int | float | str | bool | None | frozenset | tuple):
            found[way] = value
            return
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, dict):
            for key, inside in value.items():
                look(f"{way}[{key!r:.40}]", inside)
        elif isinstance(value, list):
            for number, inside in enumerate(value):
                look(f"{way}[{number}]", inside)
        elif type(value).__module__.startswith("jmapd."):
            for name, inside in attributes(value):
                look(f"{way}.{name}", inside)

    look("", root)
    return found


def attributes(value: Any) -> Iterator[tuple[str, Any]]:
    if attrs.has(type(value)):
        yield from ((field.name, getattr(value, field.name)) for field in attrs.fields(type(value)))
    yield from getattr(value, "__dict__", {}).items()


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What is logged."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace") == "jmapd.reload":
            lines.append(formatEvent(event))

    observer: Any = observe
    globalLogPublisher.addObserver(observer)
    yield lines
    globalLogPublisher.removeObserver(observer)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "jmapd.toml"


@pytest.mark.parametrize("setting", RELOADED, ids=[".".join(one.key) for one in RELOADED])
def test_a_reload_leaves_a_server_as_a_start_would_have_made_it(setting: table.Setting, path: Path) -> None:
    path.write_text("")
    service, untouched = made(path), held(made(path))
    *above, name = setting.key
    path.write_text(f"[{'.'.join(above)}]\n{name} = {other(setting)}\n")
    reload(service)
    assert held(service) == held(made(path))
    # and this has looked where it matters
    assert held(service) != untouched


def test_a_reload_of_everything_at_once(path: Path) -> None:
    path.write_text("")
    service = made(path)
    lines = [f"{'.'.join(setting.key)} = {other(setting)}" for setting in RELOADED]
    path.write_text("\n".join(lines))
    reload(service)
    assert held(service) == held(made(path))
    path.write_text("")
    reload(service)
    assert held(service) == held(made(path))


def test_a_wrong_file_changes_nothing_and_is_told_line_by_line(path: Path, said: list[str]) -> None:
    path.write_text("")
    service = made(path)
    before = held(service)
    path.write_text('[jmap.protocol.get]\nmax-objects = 0\n[log]\nlevel = "loud"\n')
    reload(service)
    assert held(service) == before
    assert said == [
        f"the old settings stay: {path}: jmap.protocol.get.max-objects = 0: must be a whole number from 1 to 1000000",
        f'the old settings stay: {path}: log.level = "loud": must be "debug", "info", "warn", "error" or "critical"',
    ]


def test_what_has_changed_is_told_and_what_needs_a_restart_is_named(path: Path, said: list[str]) -> None:
    path.write_text("[jmap.changes]\nkeep = 86400\n")
    service = made(path)
    before = service._reload.settings
    path.write_text(
        '[server]\nhostname = "other.example"\ndata-dir = "elsewhere"\n[jmap.protocol.get]\nmax-objects = 7\n'
    )
    reload(service)
    assert said == [
        f'{path} has been read again; changed: jmap.protocol.get.max-objects = 7, jmap.changes.keep = "90d" (the default)',
        f"what changed in {path} needs a restart: server.hostname, server.data-dir",
    ]
    in_force = service._reload.settings
    assert (in_force.server, in_force.storage) == (before.server, before.storage)
    said.clear()
    reload(service)
    assert said == [
        f"{path} has been read again; changed: nothing",
        f"what changed in {path} needs a restart: server.hostname, server.data-dir",
    ]
