"""What `make run` does before the server: the demo account, made once, and how to reach it."""

from __future__ import annotations

import email
import email.policy
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jmapd.demo_mail import SAMPLES


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "jmapd.toml"
    path.write_text(f'[server]\ndata-dir = "{tmp_path}/data"\n')
    return path


def demo(config: Path, **environment: str) -> dict[str, str]:
    """The lines by their labels."""
    command = [sys.executable, "-m", "jmapd.demo", "--config", str(config)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=True
    )
    return {label: rest.strip() for label, _, rest in (line.partition(":") for line in done.stdout.splitlines())}


def jmapctl(config: Path, *arguments: str, says: str = "") -> str:
    command = [sys.executable, "-m", "jmapd.ctl", "--config", str(config), *arguments]
    return subprocess.run(command, input=says, capture_output=True, text=True, timeout=60, check=True).stdout


def accounts(config: Path) -> str:
    return jmapctl(config, "account", "list")


def test_an_account_is_made_once(config: Path) -> None:
    kept = config.parent / "data" / "demo-password"
    lines = demo(config)
    assert list(lines)[:5] == ["Session URL", "WebSocket URL", "Certificate", "User", "Password"]
    assert lines["Session URL"] == "https://localhost:8443/.well-known/jmap"
    assert lines["WebSocket URL"] == "wss://localhost:8443/jmap/ws"
    assert lines["User"] == "demo@localhost"
    assert lines["Password"] == kept.read_text().strip()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert demo(config) == lines
    assert f"{len(SAMPLES)} messages" in accounts(config)


def test_the_environment_sets_the_password(config: Path) -> None:
    for password in ("sesame", "other"):
        assert demo(config, JMAPD_DEMO_PASSWORD=password)["Password"] == password
        # it is the account's by now
        assert demo(config)["Password"] == password
    assert (config.parent / "data" / "demo-password").stat().st_mode & 0o777 == 0o600


def test_a_password_that_is_not_the_demos_any_more_is_not_printed(config: Path) -> None:
    demo(config)
    jmapctl(config, "account", "passwd", "demo", "--password-stdin", says="mine\n")
    lines = demo(config)
    assert lines["Password"] == "(the one you have set)"
    assert "--password-file" not in lines["Watch it live"]


def test_another_hostname_or_a_proxy_in_front(config: Path) -> None:
    """The demo's address stays, and the certificate is not ours to name."""
    jmapctl(config, "account", "add", "anna", "--password-stdin", says="secret\n")
    jmapctl(config, "account", "add", "demo", "--password-stdin", says="sesame\n")
    with config.open("a") as file:
        file.write(
            'hostname = "mail.example.org"\nurl = "https://mail.example.org"\n'
            '[server.listener.proxy]\nendpoint = "tcp:8080:interface=127.0.0.1"\ntls = false\n'
        )
    lines = demo(config, JMAPD_DEMO_PASSWORD="sesame")
    assert (lines["User"], lines["Password"]) == ("demo@localhost", "sesame")
    assert "Certificate" not in lines
    assert lines["Or fetch"] == "curl --user demo@localhost:sesame https://mail.example.org/.well-known/jmap"


def test_accounts_that_are_there_are_left_alone(config: Path) -> None:
    jmapctl(config, "account", "add", "anna", "--password-stdin", says="secret\n")
    lines = demo(config)
    assert lines["User"] == "anna@localhost"
    assert lines["Password"] == "(the one you have set)"
    assert "--password-file" not in lines["Watch it live"]
    assert accounts(config).split()[0] == "anna@localhost"
    assert "demo@" not in accounts(config)


def test_the_samples_are_mail() -> None:
    read = [email.message_from_bytes(one.raw("demo@localhost"), policy=email.policy.default) for one in SAMPLES]
    assert not [defect for message in read for part in message.walk() for defect in part.defects]
    assert len({message["Message-ID"] for message in read}) == len(SAMPLES) == 12
    assert sum(bool(list(message.iter_attachments())) for message in read) == 2
    assert [one.raw("demo@localhost") for one in SAMPLES] == [one.raw("demo@localhost") for one in SAMPLES]
