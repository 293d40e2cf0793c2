"""Faults of the machine around the server: each is one clear line and the right exit status, or the rest goes on."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jmapd.config.mistakes import shown
from jmapd.web.certificates import VALID, self_signed
from tests.system.disk import Disk
from tests.system.server import BIN, Server
from tests.system.test_service import ECHO, account_of

FILES = 96
"""Descriptors that the server may have; it needs some thirty for itself."""

READ_ONLY = ["mount", "-o", "remount,ro"]


def start_in_vain(server: Server) -> subprocess.CompletedProcess[str]:
    twistd = [*server.within, str(BIN / "twistd"), "--nodaemon", "--pidfile=", "jmapd"]
    command = [*twistd, "--config", str(server.configuration)]
    said = subprocess.run(command, cwd=server.folder, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in said.stdout + said.stderr
    return said


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "data", "16M")
    yield made
    made.close()


@pytest.mark.parametrize("is_new", [True, False])
def test_a_read_only_data_directory_is_one_line_and_status_1(disk: Disk, tmp_path: Path, is_new: bool) -> None:
    server = Server(tmp_path, within=disk.within)
    if not is_new:
        server.add_account()
    subprocess.run([*disk.within, *READ_ONLY, str(server.data_dir)], check=True)
    said = start_in_vain(server)
    assert (said.returncode, said.stderr) == (1, f"jmapd: server.data-dir: {server.data_dir}: Read-only file system\n")


def tls_of(certificate: Path, key: Path) -> str:
    return f'[server.tls]\ncertificate = "{certificate}"\nprivate-key = "{key}"\n'


def test_an_expired_certificate_is_served_and_warned_of(tmp_path: Path) -> None:
    """Clients refuse it; but which is wrong, the certificate or the clock, the server cannot know."""
    yesterday = datetime.now(UTC) - VALID - timedelta(days=1)
    certificate, key = self_signed(tmp_path / "tls", "localhost", yesterday)
    server = Server(tmp_path, more=tls_of(certificate, key))
    server.start()
    assert any(
        f"{certificate}: the certificate has expired on {yesterday + VALID:%Y-%m-%d}" in one for one in server.log
    )
    assert server.stop()


def test_a_certificate_of_the_future_is_warned_of_too(tmp_path: Path) -> None:
    """So it looks where the machine's clock is far behind."""
    tomorrow = datetime.now(UTC) + timedelta(days=400)
    certificate, key = self_signed(tmp_path / "tls", "localhost", tomorrow)
    server = Server(tmp_path, more=tls_of(certificate, key))
    server.start()
    begin = tomorrow - timedelta(days=1)
    assert any(f"{certificate}: the certificate is valid from {begin:%Y-%m-%d}" in one for one in server.log)
    assert server.stop()


def test_another_certificates_key_is_one_line_and_not_tried_again(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path / "one", "localhost", datetime.now(UTC))
    _, key = self_signed(tmp_path / "other", "localhost", datetime.now(UTC))
    server = Server(tmp_path, more=tls_of(certificate, key))
    said = start_in_vain(server)
    line = f"server.tls.private-key = {shown(str(key))}: is not the key of the certificate in {certificate}\n"
    assert (said.returncode, said.stderr) == (os.EX_CONFIG, f"{server.configuration}: {line}")


def test_a_key_that_may_not_be_read_is_named_with_its_setting(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "tls", "localhost", datetime.now(UTC))
    key.chmod(0)
    within: list[str] = []
    if os.geteuid() == 0:
        # root of a user namespace is nobody to the files of users who are not in it
        os.chown(key, 12345, 12345)
        within = ["unshare", "--user", "--map-root-user"]
    server = Server(tmp_path, more=tls_of(certificate, key), within=within)
    said = start_in_vain(server)
    assert said.stderr == f"jmapd: server.tls.private-key: {key}: Permission denied\n"
    assert said.returncode == os.EX_CONFIG


def test_a_database_that_is_none_is_one_line_and_status_1(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.data_dir.mkdir()
    path = server.data_dir / "jmapd.sqlite"
    path.write_bytes(b"this is no database " * 100)
    said = start_in_vain(server)
    assert said.returncode == 1
    assert said.stderr.startswith(f"jmapd: {path} cannot be opened: file is not a database")
    assert said.stderr.count("\n") == 1


def test_no_descriptors_left(tmp_path: Path) -> None:
    """Open sockets are served, new ones end at once, and with descriptors there are new ones again."""
    server = Server(tmp_path, within=["prlimit", f"--nofile={FILES}:{FILES}"])
    server.start()
    server.add_account()
    account = account_of(server)
    open_before = server.socket()
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_connection(address, 20)) for _ in range(2 * FILES)]
        # a connection that the server cannot keep is closed, and does not wait in the queue for ever
        assert any(ended(one) for one in taken[-10:])
        seen, cpu = len(server.log), cpu_of(server)
        for number in range(20):
            assert open_before.request(ECHO)
            create = {"accountId": account, "create": {"m": {"name": f"box {number}"}}}
            assert open_before.request(("Mailbox/set", create, "0"))[0][1]["created"]
        assert len(server.log) - seen < 5
        assert cpu_of(server) - cpu < 2
        assert not [line for line in server.log if "Traceback" in line]
        assert len([line for line in server.log if "no file descriptor is left" in line]) == 1
        assert not [line for line in server.log if "EMFILE" in line]
    assert server.socket().request(ECHO)
    assert server.stop()


def ended(connection: socket.socket) -> bool:
    """Whether the server has closed a connection that has said nothing."""
    connection.settimeout(5)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def cpu_of(server: Server) -> float:
    """Seconds that the server itself has computed."""
    assert server.process is not None
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
