"""Credentials of a whole server: tokens, scopes, what ends them, and people who move in."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
from argon2 import PasswordHasher
from passlib.hash import sha512_crypt

from tests.system.server import PASSWORD, USER, Server, Socket
from tests.system.test_service import ECHO, account_of, closed_with


def make_token(server: Server, *options: str) -> str:
    return server.jmapctl("token", "add", USER, *options).stdout.strip()


def bearing(server: Server, token: str) -> requests.Session:
    client = server.http()
    client.auth = None
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def status(server: Server, client: requests.Session) -> int:
    return client.get(f"{server.url}/jmap/session").status_code


def set_mailbox(socket: Socket, account: str) -> str:
    """The type of the error that making a Mailbox gives, or nothing."""
    ((_, said, _),) = socket.request(("Mailbox/set", {"accountId": account, "create": {"k": {"name": "new"}}}, "0"))
    return str(said.get("type", ""))


def test_a_token_over_https_and_wss_and_in_the_passwords_place(server: Server) -> None:
    token = make_token(server)
    assert status(server, bearing(server, token)) == 200
    assert status(server, server.http(password=token)) == 200
    assert status(server, server.http("anna", token)) == 200
    server.add_account("ben@localhost", "ben's")
    assert status(server, server.http("ben@localhost", token)) == 401
    for socket in (server.socket(token=token), server.socket(password=token)):
        assert socket.request(ECHO)[0][1] == {"a": 1}
    assert status(server, bearing(server, token[:-1] + ("a" if token[-1] != "a" else "b"))) == 401
    server.stop()
    assert token not in "".join(server.log)


def test_rfc8620_3_6_2_a_read_only_token_changes_nothing(server: Server) -> None:
    account = account_of(server)
    client = bearing(server, token := make_token(server, "--read-only"))
    session = client.get(f"{server.url}/jmap/session").json()
    assert session["accounts"][account]["isReadOnly"]
    assert session["state"] != server.http().get(f"{server.url}/jmap/session").json()["state"]
    assert set_mailbox(server.socket(token=token), account) == "accountReadOnly"
    request: Any = {
        "using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
        "methodCalls": [["Mailbox/set", {"accountId": account, "create": {"k": {"name": "new"}}}, "0"]],
    }
    response = client.post(f"{server.url}/jmap/api/", json=request).json()
    assert response["methodResponses"][0][1]["type"] == "accountReadOnly"
    assert response["sessionState"] == session["state"]
    assert client.post(f"{server.url}/jmap/upload/{account}/", data=b"x").status_code == 403
    assert set_mailbox(server.socket(), account) == ""
    assert len(server.socket(token=token).request(("Mailbox/get", {"accountId": account}, "0"))[0][1]["list"]) > 1


def test_revoking_a_token_ends_its_sockets_and_no_others(server: Server) -> None:
    first, second = make_token(server), make_token(server)
    revoked = [server.socket(token=first), server.socket(password=first)]
    others = [server.socket(), server.socket(token=second)]
    assert server.jmapctl("token", "revoke", "t1").stdout == f"Token t1 of {USER} revoked.\n"
    assert [closed_with(one.connection) for one in revoked] == [1008, 1008]
    assert all(one.request(ECHO) for one in others)
    assert status(server, bearing(server, first)) == 401
    assert status(server, bearing(server, second)) == 200


def test_another_password_ends_the_passwords_sockets_and_no_tokens(server: Server) -> None:
    token = make_token(server)
    by_password, by_token = server.socket(), server.socket(token=token)
    server.jmapctl("account", "passwd", USER, "--password-stdin", input="another\n")
    assert closed_with(by_password.connection) == 1008
    assert by_token.request(ECHO)
    assert status(server, bearing(server, token)) == 200


def test_an_expired_token_ends_its_sockets(server: Server) -> None:
    begun = time.time()
    token = make_token(server, "--expires", "6s")
    socket = server.socket(token=token)
    assert socket.request(ECHO)
    assert closed_with(socket.connection) == 1008
    assert time.time() >= begun + 5
    assert status(server, bearing(server, token)) == 401
    assert status(server, server.http()) == 200


def test_a_disabled_account_lets_nobody_in_and_keeps_its_mail(server: Server) -> None:
    token = make_token(server)
    account = account_of(server)
    sockets = [server.socket(), server.socket(token=token)]
    assert set_mailbox(sockets[0], account) == ""
    server.jmapctl("account", "disable", USER)
    assert [closed_with(one.connection) for one in sockets] == [1008, 1008]
    for client in (server.http(), bearing(server, token), server.http(password=token)):
        assert status(server, client) == 401
        server.wait_for(r"login failed: 'anna@localhost' from 127\.0\.0\.1 \(the account is disabled\)", 20)
    server.jmapctl("account", "enable", USER)
    assert status(server, bearing(server, token)) == 200
    assert status(server, server.http()) == 200
    boxes = server.socket(token=token).request(("Mailbox/get", {"accountId": account}, "0"))[0][1]["list"]
    assert "new" in [box["name"] for box in boxes]


@pytest.mark.parametrize(
    "hash",
    [
        f"{{ARGON2ID}}{PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)}",
        f"{{BLF-CRYPT}}{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode().replace('$2b$', '$2y$')}",
        f"{{SHA512-CRYPT}}{sha512_crypt.using(rounds=5000).hash(PASSWORD)}",
    ],
    ids=["argon2", "bcrypt", "sha512"],
)
def test_people_who_move_in_keep_their_password(tmp_path: Path, hash: str) -> None:
    server = Server(tmp_path)
    server.start()
    server.jmapctl("account", "add", USER, "--password-hash", hash)
    assert status(server, server.http(password="wrong")) == 401
    socket = server.socket()
    deadline = time.monotonic() + 20
    while not stored_hash(server).startswith("$argon2id$"):
        assert time.monotonic() < deadline
        assert socket.request(ECHO)
    assert socket.request(ECHO)
    assert status(server, server.http()) == 200
    assert server.stop()
    # nothing is remembered from before
    server.start()
    assert status(server, server.http()) == 200
    assert server.stop()


def stored_hash(server: Server) -> str:
    """A user's hash, as the database has it."""
    with closing(sqlite3.connect(f"file:{server.data_dir}/jmapd.sqlite?mode=ro", uri=True)) as database:
        ((hash,),) = database.execute("SELECT hash FROM users").fetchall()
    return str(hash)


def test_a_failed_login_is_one_line_without_the_password(server: Server) -> None:
    assert status(server, server.http(password="wrong horse")) == 401
    server.wait_for(r"login failed: 'anna@localhost' from 127\.0\.0\.1", 20)
    assert status(server, bearing(server, "jmapd_" + "x" * 43)) == 401
    server.wait_for(r"login failed: '\(a token\)' from 127\.0\.0\.1", 20)
    assert "wrong horse" not in "".join(server.log)
    assert "jmapd_xx" not in "".join(server.log)


def test_a_wrong_password_slows_the_next_login_but_nobody_who_is_known(server: Server) -> None:
    server.add_account("ben@localhost", "ben's")
    assert status(server, server.http()) == 200
    assert status(server, server.http(password="wrong")) == 401
    begun = time.monotonic()
    assert status(server, server.http()) == 200
    assert time.monotonic() - begun < 1
    assert status(server, server.http("ben@localhost", "ben's")) == 200
    assert 1.5 < time.monotonic() - begun < 10
