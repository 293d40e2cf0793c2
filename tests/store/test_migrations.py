"""The migrations lead to the schema that the code works with."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from jmapd.store import migrations, objects, users
from jmapd.store.changes import AccountChanges
from jmapd.store.schema import metadata
from jmapd.store.store import open_store


def _of_the_index(name: str | None, kind: str, *_: object) -> bool:
    return not (kind == "table" and name is not None and name.startswith("email_text"))


def test_a_migrated_database_is_the_schema(tmp_path: Path) -> None:
    migrations.migrate(tmp_path / "store.sqlite")
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
