"""The migrations lead to the schema that the code works with."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from jmapd.store import migrations, objects, users
from jmapd.store.changes import AccountChanges
from jmapd.store.schema import metadata
from jmapd.store.store import open_store


def no_matter(line: str) -> None:
    """What is said of it is of no interest here."""


def _of_the_index(name: str | None, kind: str, *_: object) -> bool:
    return not (kind == "table" and name is not None and name.startswith("email_text"))


def test_a_migrated_database_is_the_schema(tmp_path: Path) -> None:
    migrations.migrate(tmp_path / "store.sqlite", no_matter)
    with create_engine(f"sqlite:///{tmp_path}/store.sqlite").connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _of_the_index, "compare_type": False})
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_changes_nothing_and_the_epoch_stays(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.sqlite"
    first = open_store(url, tmp_path, writable=True)
    first.database.close()
    second = open_store(url, tmp_path, writable=True)
    assert second.epoch == first.epoch
    reader = open_store(url, tmp_path, writable=False)
    assert reader.epoch == first.epoch


def make_store(path: Path, revision: str, *statements: str) -> None:
    """A database of an older revision."""
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in statements:
            connection.execute(text(statement))


def test_users_of_the_first_schema_can_still_log_in(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    make_store(path, "0001", "INSERT INTO users (name, hash, session) VALUES ('anna@localhost', 'h', 1)")
    store = open_store(f"sqlite:///{path}", tmp_path, writable=True)
    found = users.named(store.database, "Anna@localhost")
    store.database.close()
    assert found == users.User(1, "anna@localhost", "h", 1, disabled=False)


def test_accounts_that_had_no_identity_get_one_and_clients_hear_of_it(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    make_store(path, "0002", "INSERT INTO accounts (name, modseq, spilled) VALUES ('anna@localhost', 7, 0)")
    store = open_store(f"sqlite:///{path}", tmp_path, writable=True)
    ((number, identity),) = objects.all_of(store.database, 1, "Identity").items()
    changes = AccountChanges.open(store.database, 1)
    states = changes.states()
    store.database.close()
    assert (identity["email"], identity["mayDelete"]) == ("anna@localhost", False)
    assert (number, changes.modseq, states) == (8, 8, {"Identity": 8})


def old_store(folder: Path, revision: str = "0002") -> Path:
    path = folder / "store.sqlite"
    make_store(path, revision, "INSERT INTO accounts (name, modseq, spilled) VALUES ('anna@localhost', 7, 0)")
    return path


def rows(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


def test_a_store_is_kept_as_it_was_before_it_is_migrated_and_no_older_one(tmp_path: Path) -> None:
    path, kept = old_store(tmp_path), tmp_path / f"store-before-{migrations.head()}.sqlite3"
    (tmp_path / "store-before-0002.sqlite3").write_text("of the last time")
    before = rows(path)
    said: list[str] = []
    migrations.migrate(path, said.append)
    assert said == [f"migrating the store from 0002 to {migrations.head()}"]
    assert rows(kept) == before
    assert sorted(one.name for one in tmp_path.iterdir()) == [kept.name, path.name]


def test_no_copy_is_made_where_nothing_is_to_be_migrated(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    for _ in range(2):
        migrations.migrate(path, pytest.fail)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = old_store(tmp_path)
    # what a later migration makes is in its way
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE queue (x)")
    before = rows(path)
    with pytest.raises(Exception, match="queue already exists"):
        migrations.migrate(path, no_matter)
    assert rows(path) == before


def test_a_store_that_cannot_be_copied_for_want_of_room_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_store(tmp_path)
    before = rows(path)

    nearly_full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: nearly_full)
    with pytest.raises(migrations.Unopenable, match="no room"):
        migrations.migrate(path, no_matter)
    assert rows(path) == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
