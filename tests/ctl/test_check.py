"""`jmapctl check`: each kind of damage is named and mended, and a sound store is found sound."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from tests.ctl.installation import Installation, add_anna, installation
from tests.ctl.test_backup import data, epoch, fill
from tests.system.server import USER, Server

SOUND = "no damage.\n"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with some mail, which each test has a copy of."""
    here = installation(tmp_path_factory.mktemp("original"))
    add_anna(here)
    fill(here)
    here.run("account", "quota", "anna", "--emails", "1000")
    return data(here)


@pytest.fixture
def filled(here: Installation, original: Path) -> Installation:
    shutil.copytree(original, data(here))
    return here


def sql(*statements: str) -> Callable[[Path], None]:
    def damage(data_dir: Path) -> None:
        with closing(sqlite3.connect(data_dir / "jmapd.sqlite", isolation_level=None)) as database:
            for statement in statements:
                assert database.execute(statement).rowcount, statement

    return damage


def a_file(data_dir: Path) -> Path:
    return next(path for path in sorted((data_dir / "blobs").rglob("*")) if path.is_file())


def flip(data_dir: Path) -> None:
    path = a_file(data_dir)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def leave_a_file(data_dir: Path) -> None:
    left = data_dir / "blobs" / "ab" / f"ab{'0' * 62}"
    left.parent.mkdir(exist_ok=True)
    left.write_text("x")
    os.utime(left, (0, 0))


def break_the_index(data_dir: Path) -> None:
    sql("UPDATE email_text_data SET block = zeroblob(40) WHERE id = (SELECT max(id) FROM email_text_data)")(data_dir)


def lose_an_index(data_dir: Path) -> None:
    """Rows that an index of SQLite's own does not have."""
    with closing(sqlite3.connect(data_dir / "jmapd.sqlite", isolation_level=None)) as database:
        (definition,) = database.execute("SELECT sql FROM sqlite_schema WHERE name = 'emails_of_blob'").fetchone()
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'emails_of_blob'", (f"{definition} WHERE 0",))
        database.execute("PRAGMA writable_schema = RESET")
        database.execute("REINDEX emails_of_blob")
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'emails_of_blob'", (definition,))


@attrs.frozen
class Case:
    """A way to damage a store, and what is said of it."""

    said: str
    damage: Callable[[Path], None]


MENDED = {
    "an index of the database": Case("the database: wrong # of entries in index emails_of_blob", lose_an_index),
    "totalEmails": Case(
        "anna@example.org: the Mailbox 'anna' says 21 Emails (20 unread)",
        sql("UPDATE mailboxes SET total_emails = total_emails + 1 WHERE name = 'anna'"),
    ),
    "unreadThreads": Case(
        "(20 unread) and 20 Threads (17 unread), and has",
        sql("UPDATE mailboxes SET unread_threads = 17 WHERE name = 'anna'"),
    ),
    "the usage": Case("it is said to use 7 octets in 3 Emails, and", sql("UPDATE accounts SET octets = 7, emails = 3")),
    "an entry of a Mailbox": Case(
        "1 Emails cannot be found by their Mailbox",
        sql("DELETE FROM mailbox_emails WHERE email = (SELECT min(id) FROM emails)"),
    ),
    "an entry of a wrong Thread": Case(
        "1 Emails cannot be found by their Mailbox",
        sql("UPDATE mailbox_emails SET thread = 1 WHERE email = (SELECT min(id) FROM emails)"),
    ),
    "a keyword too many": Case(
        "1 Emails cannot be found by their Mailbox or keyword",
        sql("INSERT INTO email_keywords SELECT account, '$flagged', min(id) FROM emails"),
    ),
    "a read Email that is unread": Case(
        "1 Emails cannot be found by", sql("UPDATE emails SET unread = 0 WHERE id = (SELECT min(id) FROM emails)")
    ),
    "the modseq": Case("its modseq is", sql("UPDATE accounts SET modseq = 3")),
    "a state": Case(
        "the state of Email is older than its last change", sql("UPDATE states SET modseq = 1 WHERE type = 'Email'")
    ),
    "an unknown state": Case("the state of Mailbox is older", sql("DELETE FROM states WHERE type = 'Mailbox'")),
    "an unrecorded Email": Case(
        "objects have no entry in the table of changes: Email",
        sql("DELETE FROM changes WHERE type = 'Email' AND object = (SELECT min(id) FROM emails)"),
    ),
    "a Mailbox recorded as destroyed": Case(
        "objects have no entry in the table of changes: Mailbox",
        sql("UPDATE changes SET destroyed = changed WHERE type = 'Mailbox' AND object = (SELECT id FROM mailboxes)"),
    ),
    "an unrecorded Quota": Case(
        "objects have no entry in the table of changes: Quota 2", sql("DELETE FROM changes WHERE type = 'Quota'")
    ),
    "a ghost": Case(
        "objects have an entry in the table of changes, and are not there: Thread 5000",
        sql("INSERT INTO changes VALUES (1, 'Thread', 5000, 1, 1, 1, NULL)"),
    ),
    "references": Case("1 references to no Thread", sql("INSERT INTO thread_references VALUES (1, 5, 4000)")),
    "a token": Case("1 tokens of no user", sql("INSERT INTO tokens VALUES (9, 99, 'h', '', 0, NULL, 0)")),
    "changes of nobody": Case(
        "1 entries of the table of changes of no account",
        sql("INSERT INTO changes VALUES (99, 'Thread', 1, 1, 1, 1, NULL)"),
    ),
    "a body": Case("1 bodies of no Email", sql("INSERT INTO email_bodies VALUES (5, 'x')")),
    "a text to be removed": Case(
        "1 texts to be removed from the index that are not in it",
        sql("INSERT INTO left_texts SELECT 77, hash FROM blobs LIMIT 1"),
    ),
    "an Email without a text": Case(
        "1 Emails have no row in the full-text index",
        sql("DELETE FROM email_text_docsize WHERE id = (SELECT min(id) FROM emails)"),
    ),
    "a text without an Email": Case(
        "1 rows of the full-text index have no Email", sql("INSERT INTO email_text (rowid, subject) VALUES (5, 'dead')")
    ),
    "the full-text index": Case("the full-text index is damaged", break_the_index),
    "the size of a blob": Case(
        "is said to have 5 octets, and has",
        sql("UPDATE blobs SET size = 5 WHERE hash = (SELECT min(hash) FROM blobs)"),
    ),
    "a Message-ID": Case("1 Message-IDs of no EmailSubmission", sql("INSERT INTO submitted VALUES (1, 99, '1@x')")),
    "a report": Case(
        "1 reports on no EmailSubmission", sql("INSERT INTO reports SELECT 1, 99, hash FROM blobs LIMIT 1")
    ),
    "a file of nobody": Case(f"the file blobs/ab/ab{'0' * 62} belongs to nothing", leave_a_file),
}


@pytest.mark.parametrize("kind", MENDED)
def test_damage_is_named_and_mended_and_then_the_store_is_sound(filled: Installation, kind: str) -> None:
    case, old = MENDED[kind], epoch(filled)
    assert filled.run("check").endswith(SOUND)
    case.damage(data(filled))
    said = filled.run("check", status=1)
    assert case.said in said
    assert "; --repair mends it." in said
    assert epoch(filled) == old
    assert filled.run("check", "--repair").endswith(SOUND)
    assert filled.run("check").endswith(SOUND)
    assert epoch(filled) != old


def test_a_repaired_index_finds_what_the_first_one_found(filled: Installation) -> None:
    def found() -> list[tuple[int]]:
        with closing(sqlite3.connect(data(filled) / "jmapd.sqlite")) as database:
            return database.execute("SELECT rowid FROM email_text WHERE email_text MATCH 'subject : 7'").fetchall()

    before = found()
    assert len(before) == 1
    break_the_index(data(filled))
    filled.run("check", "--repair")
    assert found() == before


NAMED = {
    "a flipped bit": Case("is damaged: it is Email e", flip),
    "a file that is gone": Case(
        "cannot be read (No such file or directory): it is Email e", lambda dir: a_file(dir).unlink()
    ),
    "a damaged row": Case(
        "in the database is damaged: it is Email e",
        sql("UPDATE blobs SET data = zeroblob(30) WHERE hash = (SELECT max(hash) FROM blobs WHERE data IS NOT NULL)"),
    ),
    "a row that is gone": Case(
        "is not there: it is Email e",
        sql("DELETE FROM blobs WHERE hash = (SELECT max(hash) FROM blobs WHERE data IS NOT NULL)"),
    ),
    "a body that is gone": Case(
        "1 Emails without a body", sql("DELETE FROM email_bodies WHERE email = (SELECT max(id) FROM emails)")
    ),
    "a Mailbox that is gone": Case(
        "Emails are in the Mailbox m", sql("DELETE FROM mailboxes", "DELETE FROM changes WHERE type = 'Mailbox'")
    ),
    "an account that is gone": Case("20 Emails of no account", sql("DELETE FROM accounts")),
    "an envelope": Case(
        "the message 3 that waits to be sent has no envelope",
        sql("INSERT INTO queue SELECT 1, 3, hash, '{}', 0 FROM blobs LIMIT 1"),
    ),
    "a submission that goes nowhere": Case(
        "the EmailSubmission 2 is pending, and its message does not wait",
        sql("""INSERT INTO objects VALUES (1, 'EmailSubmission', 2, '{"undoStatus": "pending"}')"""),
    ),
    "a report that is gone": Case(
        "is not there: it is 1 reports on what was sent",
        sql(
            """INSERT INTO objects VALUES (1, 'EmailSubmission', 2, '{"undoStatus": "final"}')""",
            "INSERT INTO changes VALUES (1, 'EmailSubmission', 2, 2, 2, 2, NULL)",
            "INSERT INTO reports VALUES (1, 2, zeroblob(32))",
        ),
    ),
    "a row that nobody can read": Case("a row cannot be read", sql("UPDATE emails SET keywords = 'x'")),
}


@pytest.mark.parametrize("kind", NAMED)
def test_what_cannot_be_mended_is_named_with_whose_it_is_and_stays(filled: Installation, kind: str) -> None:
    case = NAMED[kind]
    case.damage(data(filled))
    assert case.said in filled.run("check", status=1)
    assert case.said in filled.run("check", "--repair", status=1)
    assert case.said in filled.run("check", status=1)


def test_texts_of_messages_that_are_gone_do_not_keep_the_others_from_being_indexed(filled: Installation) -> None:
    a_file(data(filled)).unlink()
    break_the_index(data(filled))
    said = filled.run("check", "--repair", status=1)
    assert "Left: 1 Emails have no row in the full-text index" in said


def test_a_database_that_is_none_and_a_store_that_is_not_there_cannot_be_looked_at(
    here: Installation, filled: Installation
) -> None:
    database = data(filled) / "jmapd.sqlite"
    database.write_bytes(b"hello" * 1000)
    said = filled.run("check", status=2)
    assert said.startswith("The store cannot be looked through:")
    assert len(said.splitlines()) == 1
    shutil.rmtree(data(filled))
    assert filled.run("check", status=2) == f"There is no store in {data(filled)}.\n"


def test_a_wrong_configuration_is_status_2(here: Installation) -> None:
    (here.folder / "jmapd.toml").write_text("port = 1\n")
    assert "port" in here.run("check", status=2)


def test_a_store_of_another_version_is_left_alone(filled: Installation) -> None:
    sql("UPDATE alembic_version SET version_num = '9999'")(data(filled))
    assert "another version of jmapd" in filled.run("check", status=2)
    assert "newer version of jmapd" in filled.run("check", "--repair", status=2)


def test_no_copy_is_left_of_a_check(filled: Installation) -> None:
    filled.run("check")
    names = {path.name.partition(".")[0] for path in data(filled).iterdir()}
    assert names == {"blobs", "hold", "incoming", "jmapd", "lock"}


def test_a_server_goes_on_while_its_store_is_checked_and_must_be_stopped_to_repair_it(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    server.add_account()
    account = next(iter(server.http().get(f"{server.url}/jmap/session").json()["accounts"]))
    socket = server.socket()
    for number in range(3):
        create = {"k": {"name": f"box {number}"}}
        ((_, said, _),) = socket.request(("Mailbox/set", {"accountId": account, "create": create}, "0"))
        assert said["created"]
        assert server.jmapctl("check").stdout.endswith(SOUND)
    refused = server.jmapctl("check", "--repair", check=False)
    assert (refused.returncode, refused.stderr.startswith("Nothing was changed: another ")) == (2, True)
    ((_, before, _),) = socket.request(("Mailbox/get", {"accountId": account, "ids": []}, "0"))
    server.stop()
    sql("UPDATE mailboxes SET total_emails = 5")(server.data_dir)
    server.jmapctl("check", "--repair")
    server.start()
    # a client that knows states of before hears that it must fetch everything again
    asked = {"accountId": account, "sinceState": before["state"]}
    ((name, said, _),) = server.socket().request(("Mailbox/changes", asked, "0"))
    assert (name, said["type"]) == ("error", "cannotCalculateChanges")
    server.stop()
    assert USER in server.jmapctl("account", "list").stdout
