"""Servers of the benchmark's own: in a folder that is gone afterwards, with the bounds that it would meet raised."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from jmapd.web.certificates import self_signed

PASSWORD = "benchmark"
START = 60.0
"""Seconds for a server to be ready."""

_TRUSTED = "SSL_CERT_FILE"

_CONFIGURATION = """
[server]
data-dir = "{data}"
[server.listener.https]
endpoint = "tcp:{port}:interface=127.0.0.1"
[server.bounds]
max-connections-per-address = 100000
max-sockets-per-user = 100000
[log]
access = false
[jmap.web-sockets]
throttle = "1s"
timeout = "10m"
heartbeat = "1m"
[jmap.push]
max-total = 100000
allowed-networks = ["127.0.0.0/8"]
"""


@attrs.frozen
class Pair:
    """A certificate for localhost and its key, in PEM."""

    certificate: Path
    key: Path


@contextmanager
def pair() -> Iterator[Pair]:
    """A pair of the benchmark's own, which the servers that are started meanwhile trust."""
    with tempfile.TemporaryDirectory(prefix="jmapd-bench-") as name:
        made = Pair(*self_signed(Path(name), "localhost", datetime.now(UTC)))
        before = os.environ.get(_TRUSTED)
        os.environ[_TRUSTED] = str(made.certificate)
        yield made
        if before is None:
            del os.environ[_TRUSTED]
        else:
            os.environ[_TRUSTED] = before


@contextmanager
def jmapd(users: int = 1) -> Iterator[tuple[str, Path, int, list[str]]]:
    """Run jmapd: its URL, certificate and process, and the names of its users, who have `PASSWORD`."""
    with tempfile.TemporaryDirectory(prefix="jmapd-bench-") as name:
        folder = Path(name)
        port, configuration = _free_port(), folder / "jmapd.toml"
        configuration.write_text(_CONFIGURATION.format(data=folder / "data", port=port))
        twistd = Path(sys.executable).with_name("twistd")
        command = [str(twistd), "-n", "--pidfile=", "jmapd", "--config", str(configuration)]
        with _process(command, folder / "log", b"jmapd is ready") as pid:
            names = [f"bench{number}" for number in range(users)]
            for one in names:
                _control(configuration, "account", "add", one, "--password-stdin")
            yield f"https://localhost:{port}", folder / "data/tls/certificate.pem", pid, names


@contextmanager
def echo() -> Iterator[tuple[str, Path, int]]:
    """Run the bare echo: its URL, certificate and process."""
    with tempfile.TemporaryDirectory(prefix="jmapd-bench-") as name:
        folder, port = Path(name), _free_port()
        command = [sys.executable, "-m", "bench.echo_server", "--port", str(port), "--folder", str(folder)]
        with _process(command, folder / "log", b"ready") as pid:
            yield f"wss://localhost:{port}/", folder / "certificate.pem", pid


def _control(configuration: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "jmapd.ctl", "--config", str(configuration), *arguments]
    subprocess.run(command, input=f"{PASSWORD}\n".encode(), stdout=subprocess.DEVNULL, check=True)


@contextmanager
def _process(command: list[str], log: Path, ready: bytes) -> Iterator[int]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            _wait(process, log, ready)
            yield process.pid
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[Any], log: Path, ready: bytes) -> None:
    end = time.monotonic() + START
    while ready not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"the server did not start:\n{log.read_text()}")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
