"""`jmapctl` as its users run it, without a server: it starts a writer of its own."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from tests.ctl.installation import Installation

SEPARATOR = "From anna@example.org Mon Jan  5 10:00:00 2026\n"


def write_mbox(path: Path, count: int, size: int = 10) -> Path:
    """A file of messages that all differ."""
    with path.open("w") as file:
        for number in range(count):
            file.write(f"{SEPARATOR}From: maya@example.com\nSubject: {number}\n\n{'x' * size}\n\n")
    return path


def held(here: Installation) -> int:
    """How many messages the one account has."""
    match = re.search(r"([\d,]+) messages", here.run("account", "list"))
    assert match
    return int(match[1].replace(",", ""))


def test_accounts(here: Installation) -> None:
    assert here.run("account", "list") == ""
    assert here.run("account", "add", "anna", "--password-stdin", says="secret\n").startswith(
        "Account anna@example.org added"
    )
    assert "already" in here.run("account", "add", "ANNA@example.org", "--password-stdin", says="x\n", status=1)
    assert "no address" in here.run("account", "add", "an na", "--password-stdin", says="x\n", status=1)
    assert "may not be empty" in here.run("account", "add", "bo", "--password-stdin", status=1)
    assert here.run("account", "list").split()[0] == "anna@example.org"
    assert (
        here.run("account", "passwd", "anna", "--password-stdin", says="other\n")
        == "Password of anna@example.org set.\n"
    )
    assert "Aborted" in here.run("account", "delete", "anna", says="n\n", status=1)
    here.run("account", "delete", "anna", "--yes")
    assert here.run("account", "list") == ""
    assert "no account" in here.run("account", "delete", "anna", "--yes", status=1)


def test_an_account_of_another_domain_is_named(here: Installation) -> None:
    """Who sets the hostname later has accounts of the one before."""
    here.run("account", "add", "anna@localhost", "--password-stdin", says="secret\n")
    here.run("account", "add", "annabel", "--password-stdin", says="secret\n")
    said = here.run("account", "passwd", "Anna", "--password-stdin", says="other\n", status=1)
    assert said == "There is no account Anna@example.org (there is anna@localhost).\n"
    assert here.run("account", "disable", "bo", status=1) == "There is no account bo@example.org.\n"


def test_passwords_that_no_client_could_send(here: Installation) -> None:
    for given, why in ((b"sch\xf6n\n", "is not UTF-8"), (b"a\tb\n", "control characters"), (b"\n", "empty")):
        command = [*here.command, "account", "add", "bo", "--password-stdin"]
        done = subprocess.run(command, input=given, capture_output=True, timeout=60)
        assert done.returncode == 1
        assert done.stderr.count(b"\n") == 1
        assert why in done.stderr.decode()
    assert "use --password-stdin" in here.run("account", "add", "bo", status=1)


def test_a_data_directory_that_cannot_be(here: Installation) -> None:
    (here.folder / "jmapd.toml").write_text('[server]\ndata-dir = "/dev/null"\n')
    assert "/dev/null/control: Not a directory" in here.run("account", "list", status=1)


def test_no_store_is_made_where_nobody_has_named_one(here: Installation) -> None:
    """The server's would be in another folder, and would know nothing of it."""
    unnamed = here.folder / "unnamed.toml"
    unnamed.write_text('[server]\nhostname = "example.org"\n')
    command = [sys.executable, "-m", "jmapd.ctl", "--config", str(unnamed)]
    environment = {name: value for name, value in os.environ.items() if name != "STATE_DIRECTORY"}

    def run(*arguments: str, **more: str) -> tuple[int, str]:
        done = subprocess.run(
            [*command, *arguments],
            input="secret\n",
            env={**environment, **more},
            cwd=here.folder,
            text=True,
            capture_output=True,
            timeout=60,
        )
        return done.returncode, done.stderr

    add = ("account", "add", "anna", "--password-stdin")
    mail = str(write_mbox(here.folder / "mbox", 1))
    for arguments, status in ((add, 1), (("import", "anna", mail), 1), (("backup", "b.tar"), 1), (("check",), 2)):
        code, said = run(*arguments)
        assert (code, said.count("\n")) == (status, 1)
        assert said.startswith(
            f"There is no store in {here.folder}/var, where it is looked for since no data-dir is set: "
        )
    assert not (here.folder / "var").exists()
    # systemd has named it; and what is there once may be used
    assert run(*add, STATE_DIRECTORY=str(here.folder / "var")) == (0, "")
    assert run("account", "passwd", "anna", "--password-stdin") == (0, "")


def test_what_needs_a_store_says_that_there_is_none(here: Installation) -> None:
    for arguments, status in ((("backup", "b.tar"), 1), (("check",), 2), (("check", "--repair"), 2)):
        said = here.run(*arguments, status=status)
        assert said == f"There is no store in {here.folder}/data.\n"


def test_check_config(here: Installation) -> None:
    path = here.folder / "jmapd.toml"
    assert here.run("check-config") == f"{path} is valid\n"
    path.write_text("[workers]\ncount = 1\nmemory = 1\n")
    lines = here.run("check-config", status=1).splitlines()
    assert [line.partition(" = ")[0] for line in lines] == [f"{path}: workers.count", f"{path}: workers.memory"]


def test_import_twice_is_import_once(anna: Installation) -> None:
    path = write_mbox(anna.folder / "Boats", 300)
    assert anna.run("import", "anna", str(path)) == "300 messages imported, 0 were there already.\n"
    assert anna.run("import", "anna", str(path)) == "0 messages imported, 300 were there already.\n"
    assert held(anna) == 300


def test_a_message_of_two_mailboxes_is_one_message(anna: Installation) -> None:
    path = anna.folder / "Takeout.mbox"
    path.write_text(f"{SEPARATOR}X-Gmail-Labels: Inbox,Trips\nSubject: a\n\nhello\n")
    assert anna.run("import", "anna", str(path)) == "1 message imported, 0 were there already.\n"
    assert anna.run("import", "anna", str(path)) == "0 messages imported, 1 was there already.\n"
    assert held(anna) == 1


def test_large_messages_in_flight(anna: Installation) -> None:
    path = write_mbox(anna.folder / "mbox", 40, size=60_000)
    with path.open("a") as file:
        for number in range(5):
            file.write(f"{SEPARATOR}Subject: big {number}\n\n" + "yyyyyyy\n" * 250_000 + "\n")
    assert anna.run("import", "anna", str(path)).startswith("45 messages imported")


def test_a_late_message_joins_threads_in_a_writer_of_jmapctls_own(anna: Installation) -> None:
    path = anna.folder / "mail.mbox"
    with path.open("w") as file:
        for number, more in enumerate(("", "", "References: <0@x> <1@x>\n")):
            file.write(f"{SEPARATOR}Message-ID: <{number}@x>\n{more}Subject: Re: plans\n\nhello\n\n")
    assert anna.run("import", "anna", str(path)).startswith("3 messages imported")
    with closing(sqlite3.connect(f"file:{anna.folder}/data/jmapd.sqlite?mode=ro", uri=True)) as database:
        assert database.execute("SELECT count(*), count(DISTINCT thread) FROM emails").fetchall() == [(3, 1)]


def test_an_interrupted_import_goes_on(anna: Installation) -> None:
    path = write_mbox(anna.folder / "mbox", 3000)
    # a shell that runs the tests in the background has them ignore the signal, and all they start
    command = ["env", "--default-signal=INT", *anna.command, "import", "anna", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while stored(anna) < 20:
            assert process.poll() is None
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
        assert process.stdout
        said = process.stdout.read()
    assert process.returncode == 130
    assert said.startswith("Interrupted. The same command goes on from here.\n")
    assert 0 < held(anna) < 3000
    anna.run("import", "anna", str(path))
    assert held(anna) == 3000


def stored(here: Installation) -> int:
    """How many messages the database has, seen from outside while something writes."""
    with closing(sqlite3.connect(f"file:{here.folder}/data/jmapd.sqlite?mode=ro", uri=True)) as database:
        (count,) = database.execute("SELECT count(*) FROM emails").fetchone()
    return int(count)


def test_damage_is_told_and_the_rest_is_imported(anna: Installation) -> None:
    path = write_mbox(anna.folder / "mbox", 3)
    with path.open("ab") as file:
        file.write(SEPARATOR.encode() + b"\x00\xff no header\n\n" + SEPARATOR.encode() + b"Subject: \xff\n\n\xfe\n")
    done = subprocess.run([*anna.command, "import", "anna", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout == "4 messages imported, 0 were there already, 1 left out.\n"
    assert f"{path}: message 4: left out: has no header: it is no message" in done.stderr.splitlines()


def test_what_is_marked_for_deletion_is_counted(anna: Installation) -> None:
    folder = anna.folder / "Maildir" / "cur"
    folder.mkdir(parents=True)
    for name in ("1.a:2,S", "2.b:2,ST"):
        (folder / name).write_text(f"Subject: {name}\n\nhello\n")
    said = anna.run("import", "anna", str(folder.parent))
    assert said == ("1 message imported, 0 were there already, 1 marked for deletion left behind (--with-deleted).\n")
    said = anna.run("import", "anna", "--with-deleted", str(folder.parent))
    assert said == "1 message imported, 1 was there already.\n"


def test_nothing_readable_is_a_failure(anna: Installation) -> None:
    path = anna.folder / "mbox"
    path.write_text(f"{SEPARATOR}\n\x00\n")
    assert "1 left out" in anna.run("import", "anna", str(path), status=1)
    (anna.folder / "letter").write_text("Dear Maya")
    assert "is no mbox file" in anna.run("import", "anna", str(anna.folder / "letter"), status=1)


def test_import_for_nobody(anna: Installation) -> None:
    path = write_mbox(anna.folder / "mbox", 3)
    assert "There is no account bo@example.org" in anna.run("import", "bo", str(path), status=1)
