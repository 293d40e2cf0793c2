"""What only SQLite knows: how it is opened, its dialect, lists as parameters, upserts and FTS5."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ColumnElement, Integer, MetaData, Table, bindparam, func, literal_column, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

DIALECT = SQLiteDialect_pysqlite(paramstyle="named")

insert = sqlite.insert
"""An INSERT that may say what happens on a conflict."""

PAGE_CACHE_KIB = 64 * 1024
AUTOCHECKPOINT_PAGES = 10_000

_SECURE_DELETE = ("OFF", "ON", "FAST")
"""The modes of the PRAGMA, by the numbers that it answers."""

TEXT_COLUMNS = ("sender", "recipient", "cc", "bcc", "subject", "body", "attachment")
"""The columns of the full-text index."""

# not in the schema's metadata: only its own DDL can make it
email_text = Table("email_text", MetaData(), Column("rowid", Integer), *(Column(name) for name in TEXT_COLUMNS))

# the index's own list of its rows; it keeps no content that could be listed
indexed_texts = Table("email_text_docsize", MetaData(), Column("id", Integer))

CREATE_EMAIL_TEXT = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS email_text USING fts5({', '.join(TEXT_COLUMNS)}, "
    "content='', tokenize='unicode61 remove_diacritics 2')"
)


def connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Open the database file.

    :param path: the file; it is made if it is missing and ``writable``.
    :param writable: for the one writer; others can read only.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rwc' if writable else 'ro'}", uri=True, isolation_level=None, timeout=10
    )
    if writable:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={AUTOCHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA cache_size=-{PAGE_CACHE_KIB}")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


def listed(name: str) -> Any:
    """A list as one parameter, for ``column.in_(…)``: its value is the list as JSON text."""
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


def line(column: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """The line of ready JSON with a member of a name, which is not the last one."""
    rest = func.substr(column, func.instr(column, f'"{name}":'.encode()))
    return func.substr(rest, 1, func.instr(rest, b"\n") - 1)


def matches(name: str) -> ColumnElement[bool]:
    """The condition that a row of `email_text` matches the FTS5 expression in a parameter."""
    return literal_column("email_text").op("MATCH")(bindparam(name))


@contextmanager
def erasing(connection: sqlite3.Connection) -> Iterator[None]:
    """Have what is deleted or moved meanwhile be overwritten in the database, not just left to be."""
    (before,) = connection.execute("PRAGMA secure_delete").fetchone()
    connection.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA secure_delete = {_SECURE_DELETE[before]}")


def checkpoint(connection: sqlite3.Connection) -> None:
    """Move what is in the log into the database, as far as readers allow."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def make_text_index(connection: Any) -> None:
    """Make the full-text index, if it is not there."""
    connection.execute(text(CREATE_EMAIL_TEXT))


def empty_text_index(connection: sqlite3.Connection) -> None:
    """Take every row out of the full-text index, and whatever is wrong in it."""
    connection.execute("INSERT INTO email_text (email_text) VALUES ('delete-all')")


def is_text_index_sound(connection: sqlite3.Connection) -> bool:
    """Whether the full-text index agrees with itself; SQLite can tell it to one who may write alone."""
    try:
        connection.execute("INSERT INTO email_text (email_text) VALUES ('integrity-check')")
    except sqlite3.DatabaseError:
        return False
    return True


def problems(connection: sqlite3.Connection, bound: int) -> list[str]:
    """What SQLite itself finds wrong with the database, so many lines at most."""
    try:
        found = [row[0] for row in connection.execute(f"PRAGMA integrity_check({bound:d})")]
        found += [
            f"a row of {row[0]} refers to none of {row[2]}" for row in connection.execute("PRAGMA foreign_key_check")
        ]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [one for one in found if one != "ok"]


def reindex(connection: sqlite3.Connection) -> None:
    """Make all indexes anew of the rows."""
    connection.execute("REINDEX")


def delete_text(connection: sqlite3.Connection, number: int, row: dict[str, str]) -> None:
    """Take a row out of the full-text index, which keeps no content and has to be told it."""
    columns = ", ".join(TEXT_COLUMNS)
    places = ", ".join(f":{name}" for name in TEXT_COLUMNS)
    connection.execute(
        f"INSERT INTO email_text (email_text, rowid, {columns}) VALUES ('delete', :rowid, {places})",  # noqa: S608  # ours
        {"rowid": number, **row},
    )
