"""The whole store, opened: what the workers' side is handed."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import attrs
from sqlalchemy import bindparam, select
from sqlalchemy.engine import make_url
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store import migrations, sqlite
from jmapd.store.blobs import Blobs
from jmapd.store.database import Database
from jmapd.store.query import Queries
from jmapd.store.schema import store as store_table
from jmapd.store.search import TextIndex
from jmapd.store.sqlite import insert

_EPOCH = "epoch"
_EPOCH_BYTES = 4


@attrs.frozen
class Store:
    """The store as one process sees it.

    :param epoch: stands before every state; renewed by restore and repair.
    :param incoming: the folder of uploads under way, on the same file system as the blobs.
    """

    database: Database
    blobs: Blobs
    text: TextIndex
    queries: Queries
    epoch: str
    incoming: Path


def open_store(
    url: str, data_dir: Path, *, writable: bool, migrating: Callable[[str], None] = lambda line: None
) -> Store:
    """Open the store.

    :param url: the SQLAlchemy URL of the database.
    :param data_dir: where blobs are.
    :param writable: for the one writer, which also makes what is missing and migrates the schema.
    :param migrating: told in one line, where the schema is to be migrated.
    :raises Unopenable: where it cannot be.
    """
    try:
        return _opened(url, data_dir, writable, migrating)
    except OSError as error:
        raise migrations.Unopenable(f"{error.filename or data_dir}: {error.strerror}") from error
    except sqlite3.Error as error:
        free = shutil.disk_usage(data_dir).free
        line = f"{make_url(url).database} cannot be opened: {error} ({free:,} octets are free there)"
        raise migrations.Unopenable(line) from error


def _opened(url: str, data_dir: Path, writable: bool, migrating: Callable[[str], None]) -> Store:
    path = Path(str(make_url(url).database))
    folder, incoming = data_dir / "blobs", data_dir / "incoming"
    if writable:
        os.umask(0o077)
        for one in (folder, incoming):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        migrations.migrate(path, migrating)
    database = Database(sqlite.connect(path, writable=writable), writable)
    epoch = setting(database, _EPOCH) or _first_epoch(database)
    return Store(database, Blobs(folder), TextIndex(database), Queries(database), epoch, incoming)


def setting(database: Database, name: str) -> str | None:
    """A value that the store keeps of itself."""
    row = database.execute(_setting, name=name).fetchone()
    return row[0] if row else None


def keep_setting(database: Database, name: str, value: str) -> None:
    """Keep a value of the store itself."""
    database.execute(_keep_setting, name=name, value=value)


def renew_epoch(database: Database) -> str:
    """Have every state be forgotten, so that clients fetch everything again; the new epoch."""
    epoch = secrets.token_hex(_EPOCH_BYTES)
    keep_setting(database, _EPOCH, epoch)
    return epoch


def _first_epoch(database: Database) -> str:
    database.begin()
    epoch = renew_epoch(database)
    database.commit()
    return epoch


def _setting() -> ClauseElement:
    return select(store_table.c.value).where(store_table.c.name == bindparam("name"))


def _keep_setting() -> ClauseElement:
    statement = insert(store_table)
    return statement.on_conflict_do_update(
        index_elements=[store_table.c.name], set_={"value": statement.excluded.value}
    )
