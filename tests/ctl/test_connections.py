"""`jmapctl connections` against a running server, and without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from jmapd.ctl.connections import _age
from tests.system.server import PASSWORD, USER, Server
from tests.system.test_service import ECHO, closed_with


@pytest.fixture
def server(tmp_path: Path) -> Server:
    made = Server(tmp_path)
    made.start()
    made.add_account()
    return made


def rows(server: Server) -> list[dict[str, str]]:
    heading, *lines = server.jmapctl("connections").stdout.splitlines()
    return [dict(zip(heading.split(), line.split(), strict=True)) for line in lines]


def test_who_is_connected_and_what_went_over_it(server: Server) -> None:
    with server.http() as http:
        assert http.get(f"{server.url}/jmap/session").status_code == 200
        first, second = server.socket(), server.socket()
        first.request(ECHO)
        first.request(ECHO)
        listed = rows(server)
        assert [row["id"] for row in listed] == ["h1", "w1", "w2"]
        assert [row["kind"] for row in listed] == ["http1", "websocket_http1", "websocket_http1"]
        assert {row["user"] for row in listed} == {USER}
        assert {row["address"] for row in listed} == {"127.0.0.1"}
        assert [row["messages"] for row in listed] == ["1/1", "2/2", "0/0"]
        assert all(int(number) > 0 for row in listed[:2] for number in row["octets"].split("/"))
        assert [(row["unsent"], row["pushes"], row["requests"]) for row in listed] == [("0", "0", "0")] * 3
        assert server.jmapctl("connections", "close", "w1").stdout == "1 closed.\n"
        assert closed_with(first.connection) == 1008
        assert second.request(ECHO)
        assert server.jmapctl("connections", "close", "h1").stdout == "1 closed.\n"
    assert [row["id"] for row in rows(server)] == ["w2"]
    assert server.stop()


def test_all_of_a_user(server: Server) -> None:
    server.add_account("ben@localhost", PASSWORD)
    annas, bens = [server.socket(), server.socket()], server.socket("ben@localhost")
    assert server.jmapctl("connections", "close", "--user", "ANNA").stdout == "2 closed.\n"
    assert [closed_with(one.connection) for one in annas] == [1008, 1008]
    assert bens.request(ECHO)
    for arguments, said in (
        (("w99",), "There is no connection w99.\n"),
        (("--user", "anna"), "anna@localhost has no connection.\n"),
    ):
        done = server.jmapctl("connections", "close", *arguments, check=False)
        assert (done.returncode, done.stderr) == (1, said)
    assert server.jmapctl("connections", "close", check=False).returncode == 2
    assert server.stop()


def test_without_a_server_it_says_so_in_one_line(tmp_path: Path) -> None:
    server = Server(tmp_path)
    for arguments in ((), ("close", "w1")):
        done = server.jmapctl("connections", *arguments, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"no server is running on {server.data_dir}\n"


def test_ages() -> None:
    assert [_age(seconds) for seconds in (0.5, 59, 61, 3_600, 90_061)] == ["0s", "59s", "1m1s", "1h0m", "1d1h"]
