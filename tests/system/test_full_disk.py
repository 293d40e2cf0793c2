"""A disk that is full: reads go on, writes are refused, nothing that was acknowledged is lost, and space heals it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.disk import Disk
from tests.system.server import BIN, Server
from tests.system.test_service import account_of

SERVER_FAIL = "serverFail"
LARGE = 300_000

# run where the disk is: SQLite resolves the link that leads there from here
LEAVE_NO_LOG = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("SELECT COUNT(*) FROM sqlite_schema").fetchall()
database.close()
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "data", "16M")
    yield made
    made.close()


@pytest.fixture
def server(tmp_path: Path, disk: Disk) -> Iterator[Server]:
    made = Server(tmp_path, within=disk.within)
    made.seen_data_dir = disk.path
    made.start()
    made.add_account()
    yield made
    if made.running():
        made.kill()


class Writing:
    """A client that notes what was acknowledged."""

    def __init__(self, server: Server) -> None:
        self.account = account_of(server)
        self.socket = server.socket()
        self.acknowledged: set[str] = set()
        self._number = 0

    def create(self) -> str | None:
        """Make a mailbox; the error's type where that is refused."""
        self._number += 1
        name = f"0 {id(self)} {self._number} {'x' * 200}"
        create = {"accountId": self.account, "create": {"m": {"name": name}}}
        (method, said, _), *_ = self.socket.request(("Mailbox/set", create, "0"))
        if method == "error":
            return str(said["type"])
        assert said["created"], said
        self.acknowledged.add(name)
        return None

    def errors_at_once(self, count: int) -> list[str]:
        """Ask for mailboxes without waiting for one before the next; the errors."""
        for number in range(count):
            create = {"accountId": self.account, "create": {"m": {"name": f"at once {number}"}}}
            using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]
            calls = [["Mailbox/set", create, "0"]]
            self.socket.send({"@type": "Request", "id": f"once{number}", "using": using, "methodCalls": calls})
        answers = [self.socket.receive() for _ in range(count)]
        assert {one["requestId"] for one in answers} == {f"once{number}" for number in range(count)}
        return [one["methodResponses"][0][1].get("type", "") for one in answers]

    def names(self) -> set[str]:
        get = {"accountId": self.account, "ids": None, "properties": ["name"]}
        (_, said, _), *_ = self.socket.request(("Mailbox/get", get, "0"))
        return {one["name"] for one in said["list"] if one["name"][0] == "0"}

    def until_refused(self) -> str:
        """Write until nothing more is taken: what has been freed in the log may be written over."""
        for _ in range(20_000):
            if (error := self.create()) is not None:
                return error
        raise AssertionError("a full disk takes everything")


def upload(server: Server, account: str, size: int) -> int:
    url = f"{server.url}/jmap/upload/{account}/"
    return server.http().post(url, data=b"x" * size, headers={"Content-Type": "text/plain"}).status_code


def test_a_full_disk_refuses_writes_loses_nothing_and_heals(server: Server, disk: Disk) -> None:
    """RFC 8620 section 3.6.2: serverFail, and the call has changed nothing."""
    client = Writing(server)
    for _ in range(20):
        assert client.create() is None
    pids = workers_of(server)
    disk.fill()
    assert client.until_refused() == SERVER_FAIL
    # what only reads is done, in the same Request too
    mixed = client.socket.request(
        ("Mailbox/set", {"accountId": client.account, "create": {"m": {"name": "one more"}}}, "0"),
        ("Mailbox/get", {"accountId": client.account, "ids": []}, "1"),
    )
    assert [(name, said.get("type")) for name, said, _ in mixed] == [("error", SERVER_FAIL), ("Mailbox/get", None)]
    assert client.names() == client.acknowledged
    assert account_of(server) == client.account
    assert [upload(server, client.account, size) for size in (LARGE, 50)] == [503, 503]
    # many at once, which share a commit: each is answered for itself
    assert client.errors_at_once(30) == [SERVER_FAIL] * 30
    disk.free()
    assert client.create() is None
    assert [upload(server, client.account, size) for size in (LARGE, 50)] == [201, 201]
    assert client.names() == client.acknowledged
    assert workers_of(server) == pids
    assert leftovers(disk) == []
    assert not [line for line in server.log if "Traceback" in line]
    server.kill()
    server.start()
    again = Writing(server)
    assert again.names() == client.acknowledged
    assert server.jmapctl("check").stdout == f"{server.data_dir}: no damage.\n"


def test_a_server_that_is_killed_while_the_disk_is_full_comes_back(server: Server, disk: Disk) -> None:
    client = Writing(server)
    disk.fill()
    assert client.until_refused() == SERVER_FAIL
    server.kill()
    server.start()
    again = Writing(server)
    assert again.names() == client.acknowledged
    assert again.until_refused() == SERVER_FAIL
    disk.free()
    assert again.create() is None
    assert again.names() == client.acknowledged | again.acknowledged


def test_a_disk_too_full_for_a_start_is_one_line_and_may_be_tried_again(server: Server, disk: Disk) -> None:
    client = Writing(server)
    assert client.create() is None
    assert server.stop()
    # whether there is a log left of the last run depends on who has ended last; without one there must be room for it
    subprocess.run([*server.within, sys.executable, "-c", LEAVE_NO_LOG, server.data_dir / "jmapd.sqlite"], check=True)
    assert not list(disk.path.glob("jmapd.sqlite-*"))
    disk.fill()
    twistd = [*server.within, str(BIN / "twistd"), "--nodaemon", "--pidfile=", "jmapd"]
    command = [*twistd, "--config", str(server.configuration)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    line = f"jmapd: {server.data_dir / 'jmapd.sqlite'} cannot be opened: disk I/O error (0 octets are free there)\n"
    assert (said.returncode, said.stderr) == (1, line)
    assert "Traceback" not in said.stdout
    disk.free()
    server.start()
    assert Writing(server).names() == client.acknowledged


def workers_of(server: Server) -> Any:
    """The processes that the server has started."""
    assert server.process is not None
    return Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()


def leftovers(disk: Disk) -> list[str]:
    """What of uploads that failed is still there."""
    return [str(path) for path in (*disk.path.glob("incoming/*"), *disk.path.glob("blobs/new-*"))]
