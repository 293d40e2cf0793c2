"""`jmapctl` beside a running server: what it does is seen and pushed at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jmapd.web.certificates import self_signed
from tests.system.server import PASSWORD, USER, Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    made.add_account()
    yield made
    if made.running():
        made.kill()


def command(server: Server, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "jmapd.ctl", "--config", str(server.configuration), *arguments]


def imported(server: Server, subject: str) -> None:
    path = server.folder / "mbox"
    path.write_text(f"From a Mon Jan  5 10:00:00 2026\nFrom: Maya <maya@example.com>\nSubject: {subject}\n\nhello\n")
    subprocess.run(command(server, "import", USER, str(path)), check=True, timeout=60)


@contextmanager
def watched(server: Server) -> Iterator[Callable[[str], list[str]]]:
    """Watch until interrupted; gives what reads its lines until one has a text."""
    password = server.folder / "password"
    password.write_text(PASSWORD)
    watching = command(server, "watch", "--user", USER, "--password-file", str(password))
    # a shell that runs the tests in the background has them ignore the signal, and all they start
    with subprocess.Popen(["env", "--default-signal=INT", *watching], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = iter(process.stdout)

        def until(text: str) -> list[str]:
            passed = []
            for line in lines:
                passed.append(line)
                if text in line:
                    return passed
            raise AssertionError("".join(passed))

        try:
            yield until
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == ""
        finally:
            process.kill()


def test_watch_sees_what_import_does_and_comes_back_after_a_restart(server: Server) -> None:
    imported(server, "the first")
    with watched(server) as until:
        assert any("the first" in line for line in until("Waiting for pushes"))
        imported(server, "the second")
        assert any(line.startswith("Push: Email") for line in until("the second"))
        server.stop()
        until("trying again")
        server.start()
        imported(server, "the third")
        until("the third")


def test_what_came_while_the_server_was_away_is_shown_though_nothing_was_pushed_before(server: Server) -> None:
    with watched(server) as until:
        until("Waiting for pushes")
        server.stop()
        imported(server, "meanwhile")
        server.start()
        assert any("+" in line and "meanwhile" in line for line in until("Waiting for pushes"))


def test_a_wrong_password_ends_it(server: Server) -> None:
    watching = command(server, "watch", "--user", USER, "--password-stdin")
    done = subprocess.run(watching, input="wrong\n", text=True, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert done.stdout == f"{server.url} does not accept this user and password.\n"


def watching(server: Server, *arguments: str) -> str:
    command_line = command(server, "watch", "--user", USER, "--password-stdin", *arguments)
    done = subprocess.run(command_line, input="any\n", text=True, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_a_server_that_was_never_reached_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    nobody = watching(server, "--url", "http://127.0.0.1:9")
    assert nobody.startswith("http://127.0.0.1:9 cannot be reached: ")
    assert "refused" in nobody
    assert "closed the connection" in watching(server, "--url", f"http://localhost:{port}")
    certificate, _ = self_signed(tmp_path / "other", "localhost", datetime.now(UTC))
    other = watching(server, "--ca-file", str(certificate))
    assert "certificate verify failed" in other
    assert "--ca-file" in other


def test_what_watch_is_told_wrong(server: Server, tmp_path: Path) -> None:
    assert "--url localhost:8443: must be an http: or https: URL" in watching(server, "--url", "localhost:8443")
    (tmp_path / "text").write_text("none")
    assert "holds no certificate" in watching(server, "--ca-file", str(tmp_path / "text"))
