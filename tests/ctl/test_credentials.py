"""`jmapctl` about tokens, hashes taken over, and accounts that nobody may log in to."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from contextlib import closing

import bcrypt
import pytest

from jmapd.auth import token
from tests.ctl.installation import Installation

BCRYPT = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()


def stored(here: Installation, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{here.folder}/data/jmapd.sqlite?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def test_a_token_is_printed_once_and_kept_as_its_hash(anna: Installation) -> None:
    command = [*anna.command, "token", "add", "anna", "--label", "phone", "--read-only", "--expires", "90d"]
    done = subprocess.run(command, text=True, capture_output=True, timeout=60, check=True)
    secret = done.stdout.strip()
    assert token.is_token(secret)
    assert done.stderr == "This is the token t1 of anna@example.org; it is not shown again.\n"
    assert stored(anna, "SELECT hash, label, read_only, expires - made FROM tokens") == [
        (token.hashed(secret), "phone", 1, 90 * 86400)
    ]
    kept = b"".join(path.read_bytes() for path in (anna.folder / "data").glob("jmapd.sqlite*"))
    assert token.hashed(secret).encode() in kept
    assert secret.encode() not in kept


def test_tokens_are_listed_and_revoked(anna: Installation) -> None:
    anna.run("account", "add", "ben", "--password-stdin", says="secret\n")
    anna.run("token", "add", "ben")
    anna.run("token", "add", "anna", "--label", "laptop at home")
    anna.run("token", "add", "anna", "--expires", "1s", "--read-only")
    lines = anna.run("token", "list").splitlines()
    assert [line.split()[0] for line in lines] == ["t2", "t3", "t1"]
    assert re.match(r"t2 +anna@example\.org +all +made \d{4}-\d\d-\d\d +does not expire +laptop at home\Z", lines[0])
    assert re.match(r"t3 +anna@example\.org +read-only +made .* expire[sd] \d{4}-\d\d-\d\d\Z", lines[1])
    assert len(anna.run("token", "list", "ben").splitlines()) == 1
    assert anna.run("token", "revoke", "t1") == "Token t1 of ben@example.org revoked.\n"
    assert anna.run("token", "list", "ben") == ""
    for id in ("t1", "1", "", "a1"):
        assert "There is no token" in anna.run("token", "revoke", id, status=1)
    anna.run("token", "add", "ben")
    assert anna.run("token", "list", "ben").split()[0] == "t4"


def test_tokens_go_with_their_account(anna: Installation) -> None:
    anna.run("token", "add", "anna")
    anna.run("account", "delete", "anna", "--yes")
    assert anna.run("token", "list") == ""
    assert stored(anna, "SELECT * FROM tokens") == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("bo",), "There is no account bo@example.org"),
        (("anna", "--label", "x" * 201), "at most 200 characters"),
        (("anna", "--label", "a\nb"), "one line"),
    ],
)
def test_tokens_that_cannot_be(anna: Installation, arguments: tuple[str, ...], says: str) -> None:
    assert says in anna.run("token", "add", *arguments, status=1)


@pytest.mark.parametrize("time", ["0", "-1", "soon", "1 year", ""])
def test_a_time_that_is_none(anna: Installation, time: str) -> None:
    assert "must be a time such as" in " ".join(
        anna.run("token", "add", "anna", "--expires", time, status=2).replace("│", " ").split()
    )


def test_an_account_is_disabled_and_enabled(anna: Installation) -> None:
    assert anna.run("account", "disable", "anna") == "Account anna@example.org disabled.\n"
    assert anna.run("account", "list").rstrip().endswith("octets  disabled")
    assert anna.run("account", "enable", "anna") == "Account anna@example.org enabled.\n"
    assert anna.run("account", "list").rstrip().endswith("octets")
    for command in ("disable", "enable"):
        assert "There is no account" in anna.run("account", command, "bo", status=1)


def test_a_hash_is_taken_over(here: Installation) -> None:
    here.run("account", "add", "anna", "--password-hash", f"{{BLF-CRYPT}}{BCRYPT}")
    assert stored(here, "SELECT hash FROM users") == [(BCRYPT,)]
    other = BCRYPT.replace("$2b$", "$2y$")
    here.run("account", "passwd", "anna", "--password-hash", other)
    assert stored(here, "SELECT hash FROM users") == [(other,)]


def test_a_hash_that_cannot_be_taken_over(here: Installation) -> None:
    assert "must be {ARGON2ID}" in here.run("account", "add", "anna", "--password-hash", "secret", status=1)
    assert "takes too long" in here.run("account", "add", "anna", "--password-hash", f"$2y$31${'a' * 53}", status=1)
    both = ("account", "add", "anna", "--password-hash", BCRYPT, "--password-stdin")
    assert "exclude each other" in here.run(*both, says="x\n", status=2)
    assert here.run("account", "list") == ""


def test_a_password_may_not_look_like_a_token(here: Installation) -> None:
    says = f"{token.make()}\n"
    assert "may not look like a token" in here.run("account", "add", "anna", "--password-stdin", says=says, status=1)
    here.run("account", "add", "anna", "--password-stdin", says="jmapd_is_fine\n")


def test_an_account_is_bounded_and_told_what_it_holds(anna: Installation) -> None:
    assert anna.run("account", "quota", "anna") == "0 messages, 0 octets.\n"
    assert anna.run("account", "quota", "anna", "--size", "5GB") == "0 messages, 0 of 5,000,000,000 octets.\n"
    assert anna.run("account", "quota", "anna", "--emails", "7", "--size", "none") == "0 of 7 messages, 0 octets.\n"
    assert anna.run("account", "quota", "anna") == "0 of 7 messages, 0 octets.\n"
    for option, value in (("--size", "much"), ("--emails", "-1"), ("--emails", "0")):
        assert "must be" in anna.run("account", "quota", "anna", option, value, status=2)


def test_an_account_is_shared_and_not_any_more(anna: Installation) -> None:
    anna.run("account", "add", "ben", "--password-stdin", says="secret\n")
    assert anna.run("account", "share", "anna", "ben") == "Account anna is shared with ben.\n"
    assert "  shared with ben@example.org\n" in anna.run("account", "list")
    anna.run("account", "unshare", "anna", "ben")
    assert "not shared" in anna.run("account", "unshare", "anna", "ben", status=1)
    assert "shared with" not in anna.run("account", "list")
