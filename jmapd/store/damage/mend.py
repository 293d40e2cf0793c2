"""Damage of a store, mended: each way is a value that `jmapd.store.damage.find` gives and the writer is asked for.

What is right is worked out again here, for what was found may have been found in a copy.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store import counts, mailboxes, quotas, sqlite, sweep
from jmapd.store.blobs import Blobs
from jmapd.store.damage import lookups, records, strays
from jmapd.store.database import Database
from jmapd.store.schema import blobs, emails, left_texts
from jmapd.store.sqlite import indexed_texts

Mend = tuple[str, int, str]
"""The way, and what it is to be done to: a number and a text."""

EPOCH: Mend = ("epoch", 0, "")
"""Before all else, by whoever has the store: no client may take a state of before for one of after."""

INDEXES: Mend = ("indexes", 0, "")
STRAYS: Mend = ("strays", 0, "")
FILES: Mend = ("files", 0, "")
ALL_TEXTS: Mend = ("all texts", 0, "")
TEXTS: Mend = ("texts", 0, "")
"""In pieces, by `unindexed`, for messages have to be read for it."""

ORDER = ("indexes", "strays", "size", "account", "all texts", "texts", "files")
"""In which one makes sense after the other."""


def account(number: int) -> Mend:
    """Work out all of an account that follows from its objects."""
    return "account", number, ""


def size(hash: bytes, octets: int) -> Mend:
    """Say how many octets a blob has."""
    return "size", octets, hash.hex()


def do(database: Database, store: Blobs, incoming: Path, mend: Mend) -> None:
    """Mend, in the writer's transaction; all but `TEXTS`."""
    way, number, text = mend
    if way == "indexes":
        sqlite.reindex(database.connection)
    elif way == "strays":
        strays.remove(database)
    elif way == "size":
        database.execute(_set_size, the_hash=bytes.fromhex(text), octets=number)
    elif way == "account":
        _mend_account(database, number)
    elif way == "all texts":
        sqlite.empty_text_index(database.connection)
        database.execute(_forget_left)
    elif way == "files":
        for folder in range(sweep.FOLDERS):
            sweep.remove_files(database, store, incoming, folder)


def unindexed(database: Database, after: int, bound: int) -> list[tuple[int, bytes]]:
    """Emails without a row in the full-text index, in order, each with the hash of its message, where that is stored.

    :param after: the number that they come after.
    """
    return database.execute(_unindexed, after=after, bound=bound).fetchall()


def _mend_account(database: Database, account: int) -> None:
    lookups.write_anew(database, account)
    for mailbox, more in counts.miscounts(database, account).items():
        mailboxes.count(database, account, mailbox, more)
    emails_more, octets_more = quotas.miscount(database, account)
    quotas.use(database, account, emails=emails_more, octets=octets_more)
    records.mend(database, account)


def _set_size() -> ClauseElement:
    return update(blobs).where(blobs.c.hash == bindparam("the_hash")).values(size=bindparam("octets"))


def _forget_left() -> ClauseElement:
    return delete(left_texts)


def _unindexed() -> ClauseElement:
    return (
        select(emails.c.id, emails.c.blob)
        .where(
            emails.c.id > bindparam("after"),
            ~exists().where(indexed_texts.c.id == emails.c.id),
            exists().where(blobs.c.hash == emails.c.blob),
        )
        .order_by(emails.c.id)
        .limit(bindparam("bound"))
    )
