"""The machine's clock is put forward and back while a server runs: nobody who is connected notices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.system.server import Server
from tests.system.test_service import ECHO, account_of

SHIM = """
import os, time
_real = time.time
def _put():
    with open(os.environ["CLOCK_PUT"]) as file:
        return float(file.read() or 0)
time.time = lambda: _real() + _put()
"""
"""Loaded by each Python process at its start: their time of day is another one by what a file says."""

DAY = 86400.0


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim" / "sitecustomize.py").write_text(SHIM)
    path = tmp_path / "clock"
    path.write_text("0")
    monkeypatch.setenv("CLOCK_PUT", str(path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path / "shim"), os.environ.get("PYTHONPATH", ""))))
    return path


def put(clock: Path, seconds: float) -> None:
    """At once: nobody reads half of it."""
    new = clock.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(clock)


@pytest.mark.parametrize("jump", [-2 * DAY, 2 * DAY])
def test_pushes_sockets_states_and_logins_go_on(clock: Path, tmp_path: Path, jump: float) -> None:
    server = Server(tmp_path, throttle="500ms")
    server.start()
    server.add_account()
    account = account_of(server)
    listening = server.socket()
    listening.enable()
    writing = server.socket()
    seen: list[tuple[str, int]] = []

    def change(name: str) -> None:
        create = {"accountId": account, "create": {"m": {"name": name}}}
        (_, said, _), *_ = writing.request(("Mailbox/set", create, "0"))
        seen.append((said["created"]["m"]["id"], int(said["newState"].rpartition("-")[2], 16)))
        assert said["newState"] in str(listening.push(5))

    change("before")
    put(clock, jump)
    # the second of these is gathered, and sent when the throttle's time is over
    change("after")
    change("after that")
    put(clock, 0)
    change("as it was")
    ids, states = zip(*seen, strict=True)
    assert len(set(ids)) == 4
    assert list(states) == sorted(set(states))
    assert listening.request(ECHO)
    assert server.socket().request(ECHO)
    assert server.stop()


def test_a_token_ends_by_the_time_of_day(clock: Path, tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    server.add_account()
    token = server.jmapctl("token", "add", "anna@localhost", "--expires", "1d").stdout.split()[-1]
    assert server.socket(token=token).request(ECHO)
    put(clock, 2 * DAY)
    with pytest.raises(Exception, match="401"):
        server.socket(token=token)
    put(clock, 0)
    assert server.socket(token=token).request(ECHO)
    assert server.stop()
