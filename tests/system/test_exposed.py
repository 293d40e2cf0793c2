"""Sockets of systemd's whose address only the start shows: none that the network reaches is served in the clear."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.server import BIN

PLAIN = 'endpoint = "systemd:domain={domain}:name=door"\ntls = false\n'
SECURE = 'endpoint = "systemd:domain={domain}:name=door"\n'
INHERIT = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "door", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Gives a program its socket where systemd does (sd_listen_fds(3))."""

UNIT = Path(__file__).parents[2] / "etc" / "systemd" / "jmapd.service"


def start_on(inherited: socket.socket, folder: Path, more: str) -> subprocess.Popen[str]:
    """Start a server as systemd does that has bound its socket."""
    (folder / "jmapd.toml").write_text(f'[server]\ndata-dir = "{folder}/data"\nurl = "https://localhost"\n{more}')
    twistd = [str(BIN / "twistd"), "--nodaemon", "--pidfile=", "jmapd", "--config", "jmapd.toml"]
    return subprocess.Popen(
        [sys.executable, "-c", INHERIT, str(inherited.fileno()), *twistd],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=(inherited.fileno(),),
    )


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (f"[server.listener.door]\n{PLAIN}", "server.listener.door.tls = false: passwords would pass in the clear"),
        (
            f"[server.listener.door]\n{SECURE}",
            'server.tls.certificate = "": a self-signed certificate is for loopback only',
        ),
        (
            '[observe]\nendpoint = "systemd:domain={domain}:name=door"\n',
            "observe.public = false: whoever reaches it is asked for nothing",
        ),
    ],
)
@pytest.mark.parametrize("address", ["0.0.0.0", "::"])  # that is what is refused
def test_rfc8620_1_7_an_inherited_socket_that_the_network_reaches_is_one_line_and_not_tried_again(
    tmp_path: Path, address: str, more: str, why: str
) -> None:
    domain = "INET6" if ":" in address else "INET"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as bound:
        # it does not listen, so that nobody can reach it while it is refused
        bound.bind((address, 0))
        port = bound.getsockname()[1]
        process = start_on(bound, tmp_path, more.format(domain=domain))
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (
        os.EX_CONFIG,
        f"jmapd: {why}, and {address} port {port} is reached from the network\n",
    )
    assert "Traceback" not in said


def test_an_inherited_socket_on_loopback_is_served_in_the_clear(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        process = start_on(bound, tmp_path, f"[server.listener.door]\n{PLAIN.format(domain='INET')}")
        with socket.create_connection(bound.getsockname(), 60) as client:
            client.settimeout(60)
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = client.recv(100)
        process.terminate()
        process.communicate(timeout=60)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_the_unit_does_not_try_again_what_cannot_help() -> None:
    assert re.search(rf"^RestartPreventExitStatus={os.EX_CONFIG}$", UNIT.read_text(), re.MULTILINE)
