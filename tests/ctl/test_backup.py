"""`jmapctl backup` and `restore`."""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from jmapd.workers import archive
from tests.ctl.installation import Installation
from tests.ctl.test_command import SEPARATOR
from tests.system.server import USER, Server

LARGE = 100_000


def fill(here: Installation, name: str = "anna") -> None:
    """Some mail, small and large."""
    path = here.folder / f"{name}.mbox"
    with path.open("w") as file:
        for number in range(20):
            size = LARGE if number % 5 == 0 else 10
            file.write(f"{SEPARATOR}From: a@b\nSubject: {number}\n\n{'x' * size} {number}\n\n")
    here.run("import", name, str(path))


@pytest.fixture
def backed_up(anna: Installation) -> Path:
    fill(anna)
    file = anna.folder / "backup.tar"
    assert anna.run("backup", str(file)).startswith(f"{file}: 1 account, 20 messages, ")
    return file


def data(here: Installation) -> Path:
    return here.folder / "data"


def contents(here: Installation) -> dict[str, object]:
    """All rows but the epoch, and all files of blobs."""
    with closing(sqlite3.connect(f"file:{data(here)}/jmapd.sqlite?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found: dict[str, object] = {
            table: sorted(map(repr, database.execute(f"SELECT * FROM {table}")))
            for table in tables
            if not table.startswith(("email_text", "store"))
        }
        found["search"] = database.execute("SELECT rowid FROM email_text WHERE email_text MATCH 'a'").fetchall()
    blobs = sorted((data(here) / "blobs").rglob("*"))
    return {**found, **{str(path.relative_to(data(here))): path.read_bytes() for path in blobs if path.is_file()}}


def epoch(here: Installation) -> str:
    with closing(sqlite3.connect(f"file:{data(here)}/jmapd.sqlite?mode=ro", uri=True)) as database:
        (value,) = database.execute("SELECT value FROM store WHERE name = 'epoch'").fetchone()
        return str(value)


def test_what_is_restored_is_what_was_backed_up_with_another_epoch(anna: Installation, backed_up: Path) -> None:
    before, old = contents(anna), epoch(anna)
    assert sum(name.startswith("blobs/") for name in before) == 4
    shutil.rmtree(data(anna))
    assert "20 messages" in anna.run("restore", str(backed_up))
    assert contents(anna) == before
    assert epoch(anna) != old
    # it is a store to go on with
    assert anna.run("account", "add", "ben", "--password-stdin", says="secret\n")
    assert [path.name for path in data(anna).glob("restoring-*")] == []


def test_nothing_is_replaced_unasked_and_what_is_replaced_stays_beside(anna: Installation, backed_up: Path) -> None:
    anna.run("account", "add", "ben", "--password-stdin", says="secret\n")
    said = anna.run("restore", str(backed_up), status=1)
    assert said == f"{data(anna)}/jmapd.sqlite is there already; --replace moves it aside.\n"
    said = anna.run("restore", "--replace", str(backed_up))
    assert "ben" not in anna.run("account", "list")
    (beside,) = data(anna).glob("replaced-*")
    assert said.splitlines()[1:] == [f"What was there is in {beside}, until you remove it."]
    assert {path.name for path in beside.iterdir()} == {"blobs", "jmapd.sqlite"}


def test_a_backup_takes_the_place_of_another_one_only_when_it_is_whole(anna: Installation, backed_up: Path) -> None:
    before = backed_up.read_bytes()
    (blob, *_) = (path for path in (data(anna) / "blobs").rglob("*") if path.is_file())
    kept = blob.read_bytes()
    blob.unlink()
    assert "is missing" in anna.run("backup", str(backed_up), status=1)
    blob.write_bytes(b"y" + kept[1:])
    assert "is not what it was" in anna.run("backup", str(backed_up), status=1)
    assert backed_up.read_bytes() == before
    assert sorted(path.name for path in anna.folder.iterdir() if path.name.startswith(".")) == []


def test_a_backup_into_a_folder_that_is_not_there(anna: Installation) -> None:
    target = anna.folder / "nowhere" / "x.tar"
    said = anna.run("backup", str(target), status=1)
    assert said == f"{target} cannot be written: there is no folder {target.parent}.\n"


def damage(file: Path, how: str) -> None:
    raw = bytearray(file.read_bytes())
    if how == "cut":
        raw = raw[: len(raw) // 2]
    elif how == "a blob":
        at = raw.rindex(b"x" * 1000)
        raw[at] = 0x79
    elif how == "no archive":
        raw = bytearray(b"hello")
    elif how == "the database":
        at = raw.index(b"SQLite format 3")
        raw[at + 5000 : at + 9000] = b"\xff" * 4000
    file.write_bytes(raw)


@pytest.mark.parametrize("how", ["cut", "a blob", "no archive", "the database"])
def test_a_damaged_backup_is_refused_and_nothing_is_changed(anna: Installation, backed_up: Path, how: str) -> None:
    before = contents(anna)
    damage(backed_up, how)
    said = anna.run("restore", "--replace", str(backed_up), status=1)
    assert str(backed_up) in said
    assert "Traceback" not in said
    assert contents(anna) == before


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "blobs/ab/../../x", "jmapd.toml"])
def test_an_archive_that_would_write_elsewhere_is_refused(anna: Installation, tmp_path: Path, name: str) -> None:
    file, inside = tmp_path / "evil.tar", tmp_path / "inside"
    inside.write_text("x")
    with tarfile.open(file, "w") as made:
        made.add(inside, name)
    with pytest.raises(archive.Unusable, match="belongs to no backup"):
        archive.verify(file, lambda octets, blobs: None)


def test_a_server_goes_on_while_it_is_backed_up_and_must_be_stopped_to_be_restored(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    server.add_account()
    file = tmp_path / "backup.tar"
    with (tmp_path / "mail.mbox").open("w") as mail:
        for number in range(300):
            mail.write(
                f"{SEPARATOR}From: a@b\nSubject: {number}\n\n{'x' * (LARGE if number % 10 == 0 else 10)}{number}\n\n"
            )
    server.jmapctl("import", USER, str(tmp_path / "mail.mbox"))
    account = next(iter(server.http().get(f"{server.url}/jmap/session").json()["accounts"]))
    socket = server.socket()
    made = 0

    def write() -> None:
        nonlocal made
        create = {"k": {"name": f"box {made}"}}
        ((_, said, _),) = socket.request(("Mailbox/set", {"accountId": account, "create": create}, "0"))
        assert said["created"]
        made += 1

    for _ in range(3):
        write()
        assert "300 messages" in server.jmapctl("backup", str(file)).stdout
        write()
    refused = server.jmapctl("restore", "--replace", str(file), check=False)
    using = f"another server or jmapctl is using {server.data_dir}; stop it first"
    assert (refused.returncode, refused.stderr) == (1, f"Nothing was changed: {using}.\n")
    server.stop()
    server.jmapctl("restore", "--replace", str(file))
    server.start()
    again = server.socket()
    ((_, said, _),) = again.request(("Mailbox/get", {"accountId": account}, "0"))
    names = {one["name"] for one in said["list"]}
    # what had been acknowledged before the backup began is in it
    assert {f"box {number}" for number in range(made - 1)} <= names
    assert f"box {made - 1}" not in names
    server.stop()


def test_the_sweep_leaves_files_alone_while_a_backup_is_made(tmp_path: Path) -> None:
    assert not archive.is_held(tmp_path)
    with archive.holding(tmp_path):
        assert archive.is_held(tmp_path)
    assert not archive.is_held(tmp_path)
