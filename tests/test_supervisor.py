"""What systemd is told, on a real socket."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from jmapd.supervisor import Supervisor
from tests.store.test_migrations import make_store
from tests.system.server import BIN, Server


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def told(systemd: socket.socket) -> list[str]:
    return systemd.recv(4096).decode().splitlines()


def nothing(systemd: socket.socket) -> bool:
    systemd.setblocking(False)
    try:
        systemd.recv(4096)
    except BlockingIOError:
        return True
    finally:
        systemd.settimeout(60)
    return False


def test_the_watchdog_is_fed_twice_as_often_as_it_asks(systemd: socket.socket) -> None:
    clock = Clock()
    environment = {
        "NOTIFY_SOCKET": systemd.getsockname(),
        "WATCHDOG_USEC": "10000000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    supervisor = Supervisor(clock, environment)
    # workers are not to speak for the server
    assert environment == {}
    supervisor.startService()
    assert told(systemd) == ["WATCHDOG=1"]
    clock.advance(4.9)
    assert nothing(systemd)
    clock.advance(0.2)
    assert told(systemd) == ["WATCHDOG=1"]
    supervisor.stopService()
    clock.advance(60)
    assert nothing(systemd)


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "10000000"}, {"NOTIFY_SOCKET": "S", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}],
)
def test_nobody_is_told_who_does_not_ask(systemd: socket.socket, environment: dict[str, str]) -> None:
    clock = Clock()
    given = {name: systemd.getsockname() if value == "S" else value for name, value in environment.items()}
    supervisor = Supervisor(clock, given)
    supervisor.startService()
    clock.advance(60)
    assert nothing(systemd)
    supervisor.stopService()


def test_an_abstract_socket() -> None:
    name = f"jmapd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(10)
        Supervisor(Clock(), {"NOTIFY_SOCKET": f"@{name}"}).stopping()
        assert told(listening) == ["STOPPING=1", "STATUS=stopping"]


def test_a_supervisor_that_has_gone_ends_nothing(tmp_path: Path) -> None:
    Supervisor(Clock(), {"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("here")


def test_a_whole_server_tells_when_it_is_ready_reloads_and_stops(
    systemd: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    server = Server(tmp_path)
    server.start()
    said = [told(systemd) for _ in range(2)]
    assert ["WATCHDOG=1"] in said
    assert ["READY=1", f"STATUS=serving {server.url}"] in said
    server.hang_up()
    reloading = told(systemd)
    assert (reloading[0], reloading[1].partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")
    assert told(systemd)[0] == "READY=1"
    assert server.stop()
    assert told(systemd)[0] == "STOPPING=1"


def test_a_reload_does_not_end_a_server_without_certificates(
    systemd: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    server = Server(tmp_path)
    server.configuration.write_text(
        f'[server]\ndata-dir = "{tmp_path}/data"\n[server.listener.http]\n'
        'endpoint = "tcp:0:interface=127.0.0.1"\ntls = false\n'
    )
    server.start()
    assert told(systemd)[0] == "READY=1"
    server.hang_up()
    assert told(systemd)[0] == "RELOADING=1"
    assert told(systemd)[0] == "READY=1"
    assert server.stop()


def test_systemd_is_asked_for_patience_until_a_migration_is_over(systemd: socket.socket) -> None:
    clock = Clock()
    supervisor = Supervisor(clock, {"NOTIFY_SOCKET": systemd.getsockname()})
    supervisor.startService()
    supervisor.migrating("migrating the store from 1 to 2")
    assert told(systemd) == ["STATUS=migrating the store from 1 to 2"]
    for _ in range(7):
        assert told(systemd) == ["EXTEND_TIMEOUT_USEC=30000000"]
        clock.advance(10)
    told(systemd)
    supervisor.ready("here")
    assert told(systemd)[0] == "READY=1"
    clock.advance(60)
    assert nothing(systemd)


def set_revision(server: Server, revision: str) -> None:
    with closing(sqlite3.connect(server.data_dir / "jmapd.sqlite", isolation_level=None)) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def test_a_whole_server_says_that_it_migrates_before_it_is_ready(
    systemd: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(tmp_path)
    server.data_dir.mkdir()
    make_store(server.data_dir / "jmapd.sqlite", "0002")
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    server.start()
    assert told(systemd)[0].startswith("STATUS=migrating the store from 0002 to ")
    assert told(systemd) == ["EXTEND_TIMEOUT_USEC=30000000"]
    assert told(systemd)[0] == "READY=1"
    assert any("as it was it is kept in" in line for line in server.log)
    assert server.stop()


def test_a_store_of_a_newer_version_is_one_line_and_not_tried_again(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.add_account()
    set_revision(server, "9999")
    line = f"{server.data_dir / 'jmapd.sqlite'} is of a newer version of jmapd (schema 9999; "
    command = [str(BIN / "twistd"), "--nodaemon", "--pidfile=", "jmapd", "--config", str(server.configuration)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == os.EX_CONFIG
    assert [one for one in done.stderr.splitlines() if one.startswith(f"jmapd: {line}")] == done.stderr.splitlines()
    assert "Traceback" not in done.stdout
    asked = server.jmapctl("account", "list", check=False)
    assert (asked.returncode, asked.stdout) == (1, "")
    assert asked.stderr.startswith(line)
    assert len(asked.stderr.splitlines()) == 1
