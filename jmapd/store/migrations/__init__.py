"""The schema's history: Alembic brings a store of any version up to this one."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event

from jmapd.store.blobs import sync

_log = logging.getLogger(__name__)


class Unopenable(Exception):
    """A store cannot be worked with; the message is one line for a person."""


class Newer(Unopenable):
    """It is of a newer version of this program, and another attempt will find it so."""


def head() -> str:
    """The revision of the present schema."""
    found = _scripts().get_current_head()
    assert found is not None
    return found


def revision(path: Path) -> str | None:
    """The revision of a database's schema; ``None`` where it has none yet."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone():
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])


def migrate(path: Path, migrating: Callable[[str], None]) -> None:
    """Bring a database up to the present schema, whole or not at all; a missing one is made.

    Of one that is there a copy is kept first, as it was, until the next migration.

    :param path: the SQLite file. Nobody else may have it open.
    :param migrating: told in one line, where there is something to migrate; it may take long.
    :raises Unopenable: where the schema is newer than this program, or there is no room for the copy.
    """
    before = revision(path)
    if before == head():
        return
    if before is not None:
        if before not in {one.revision for one in _scripts().walk_revisions()}:
            raise Newer(f"{path} is of a newer version of jmapd (schema {before}; this one knows {head()})")
        migrating(f"migrating the store from {before} to {head()}")
        _log.info("the store goes from schema %s to %s; as it was it is kept in %s", before, head(), _keep(path))
    _upgrade(path)


def _upgrade(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")

    # the driver would commit before each CREATE, and a migration that is interrupted would be half done

    @event.listens_for(engine, "connect")
    def leave_transactions_alone(connection: Any, record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def _keep(path: Path) -> Path:
    """Copy a database as it is before a migration, in place of older copies."""
    octets, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    if free < 2 * octets:
        raise Unopenable(
            f"{path} must be migrated, and there is no room: {2 * octets:,} octets are needed for that and for a copy, "
            f"{free:,} are free"
        )
    kept = path.with_name(f"{path.stem}-before-{head()}.sqlite3")
    partial = kept.with_name(f"{kept.name}.partial")
    partial.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    sync(partial)
    partial.replace(kept)
    sync(path.parent)
    for older in path.parent.glob(f"{path.stem}-before-*.sqlite3"):
        if older != kept:
            older.unlink()
    return kept


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config
