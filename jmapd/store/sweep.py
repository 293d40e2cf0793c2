"""Housekeeping: what nobody needs any more, found and removed a little at a time.

The order is that of `jmapd.workers.sweeping`: texts of destroyed Emails leave the index while their messages are still
there, the record of destroyed objects goes after that, and then blobs that nothing refers to. A blob's file is
removed only after the row that named it is gone for good.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson
from sqlalchemy import and_, bindparam, delete, exists, func, insert, select, tuple_, update
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.blobs import Blobs
from jmapd.store.database import Database
from jmapd.store.schema import (
    accounts,
    ages,
    blobs,
    changes,
    emails,
    left_texts,
    queue,
    replies,
    reports,
    states,
    uploads,
)
from jmapd.store.sqlite import listed

YOUNG = 3600.0
"""Seconds for which a file stays that no row names: one is written before the row that is to name it."""

BETWEEN_AGES = 86_400_000
"""Milliseconds between two notes of how far an account has been counted."""

FOLDERS = 256
"""Of a store's files, each by the first octet of their hashes."""


def note_ages(database: Database, now: int) -> None:
    """Note how far each account has been counted by now, for `forget_changes` later.

    :param now: milliseconds since 1970.
    """
    database.execute(_note_ages, now=now)


def forget_changes(database: Database, before: int, bound: int) -> int:
    """Forget destroyed objects; who asks for changes since before that is told that they are not known.

    :param before: those that were destroyed before this, in milliseconds since 1970.
    :param bound: how many at most.
    :returns: how many.
    """
    rows = database.execute(_old_changes, before=before, bound=bound).fetchall()
    forgotten: dict[tuple[int, str], int] = {}
    for account, type, object, destroyed in rows:
        database.execute(_forget_change, the_account=account, the_type=type, the_object=object)
        forgotten[account, type] = max(destroyed, forgotten.get((account, type), 0))
    for (account, type), modseq in forgotten.items():
        database.execute(_raise_forgotten, the_account=account, the_type=type, modseq=modseq)
    if len(rows) < bound:
        database.execute(_forget_ages, before=before)
    return len(rows)


def forget_uploads(database: Database, before: int, bound: int) -> int:
    """Forget uploads that were made before a time and that no object has come to refer to; how many."""
    rows = database.execute(_old_uploads, before=before, bound=bound).fetchall()
    for account, user, blob in rows:
        database.execute(_forget_upload, account=account, user=user, blob=blob)
    return len(rows)


def forget_replies(database: Database, before: int, bound: int) -> int:
    """Forget who was answered automatically before a time, so many at most; how many."""
    return database.execute(_forget_replies, before=before, bound=bound).rowcount


def left(database: Database, bound: int) -> list[tuple[int, bytes]]:
    """Destroyed Emails whose text is still in the index and can leave it, each with the hash of its message."""
    return database.execute(_left, bound=bound).fetchall()


def done_with(database: Database, numbers: list[int]) -> None:
    """The texts of these Emails are in the index no more."""
    database.execute(_done_with, ids=orjson.dumps(numbers).decode())


def keep_left(database: Database, numbers: list[int]) -> None:
    """The texts of these Emails cannot be taken out of the index: they stay noted, so that no search finds them."""
    database.execute(_keep_left, ids=orjson.dumps(numbers).decode())


def forget_blobs(database: Database, after: bytes, bound: int) -> bytes | None:
    """Forget those of some blobs that nothing refers to.

    :param after: look at those whose hashes come after this one.
    :param bound: look at so many at most.
    :returns: the hash of the last one looked at; ``None`` where that was the very last.
    """
    hashes = [row[0] for row in database.execute(_blobs, after=after, bound=bound)]
    if not hashes:
        return None
    database.execute(_forget_blobs, first=hashes[0], last=hashes[-1])
    return hashes[-1] if len(hashes) == bound else None


def remove_files(database: Database, store: Blobs, incoming: Path, folder: int) -> None:
    """Remove the files of one folder that `unnamed_files` finds.

    To be called in a transaction that forgets no blobs: a row that comes back must find its file.
    """
    for path in unnamed_files(database, store, incoming, folder):
        _remove_old(path)


def unnamed_files(database: Database, store: Blobs, incoming: Path, folder: int) -> Iterator[Path]:
    """The files of one folder that no row names, and in the first one's turn what was left half written; no young ones.

    :param folder: below `FOLDERS`.
    """
    if folder == 0:
        yield from filter(_is_old, [*incoming.iterdir(), *store.folder.glob("new-*")])
    for path in filter(_is_old, _files(store.folder / f"{folder:02x}")):
        with suppress(ValueError):
            if store.size(database, bytes.fromhex(path.name)) is None:
                yield path


def _is_old(path: Path) -> bool:
    try:
        return path.is_file() and not _is_young(path)
    except FileNotFoundError:
        return False


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _remove_old(path: Path) -> None:
    """Remove a file that is not young, be it one that has just come in place of the one looked at."""
    with suppress(FileNotFoundError):
        doomed = path.with_name(f"new-doomed-{os.getpid()}-{path.name}")
        path.rename(doomed)
        if _is_young(doomed):
            doomed.rename(path)
        else:
            doomed.unlink()


def _is_young(path: Path) -> bool:
    return time.time() - path.stat().st_mtime < YOUNG


_NO_HASH = b""

_REFERRING = (emails.c.blob, uploads.c.blob, left_texts.c.blob, queue.c.blob, reports.c.blob)
"""All that refers to blobs."""


def _note_ages() -> ClauseElement:
    of_account = ages.c.account == accounts.c.id
    noted, at = (select(func.max(one)).where(of_account).scalar_subquery() for one in (ages.c.modseq, ages.c.at))
    grown = select(accounts.c.id, accounts.c.modseq, bindparam("now")).where(
        accounts.c.modseq > func.coalesce(noted, -1), func.coalesce(at, 0) <= bindparam("now") - BETWEEN_AGES
    )
    return insert(ages).from_select(["account", "modseq", "at"], grown)


def _old_changes() -> ClauseElement:
    counted = (
        select(ages.c.account, func.max(ages.c.modseq).label("until"))
        .where(ages.c.at < bindparam("before"))
        .group_by(ages.c.account)
        .subquery()
    )
    return (
        select(changes.c.account, changes.c.type, changes.c.object, changes.c.destroyed)
        .join_from(counted, changes, changes.c.account == counted.c.account)
        .where(
            changes.c.destroyed <= counted.c.until,
            ~exists().where(left_texts.c.email == changes.c.object, changes.c.type == "Email"),
        )
        .limit(bindparam("bound"))
    )


def _forget_change() -> ClauseElement:
    return delete(changes).where(
        changes.c.account == bindparam("the_account"),
        changes.c.type == bindparam("the_type"),
        changes.c.object == bindparam("the_object"),
    )


def _raise_forgotten() -> ClauseElement:
    return (
        update(states)
        .where(
            states.c.account == bindparam("the_account"),
            states.c.type == bindparam("the_type"),
            states.c.forgotten < bindparam("modseq"),
        )
        .values(forgotten=bindparam("modseq"))
    )


def _forget_ages() -> ClauseElement:
    """All but the last of those before a time: that one still says how far the account had been counted."""
    later = ages.alias("later")
    return delete(ages).where(
        exists().where(
            and_(
                later.c.account == ages.c.account,
                later.c.at < bindparam("before"),
                later.c.modseq > ages.c.modseq,
            )
        )
    )


def _old_uploads() -> ClauseElement:
    return (
        select(uploads.c.account, uploads.c.user, uploads.c.blob)
        .where(uploads.c.uploaded_at < bindparam("before"))
        .limit(bindparam("bound"))
    )


def _forget_upload() -> ClauseElement:
    return delete(uploads).where(
        uploads.c.account == bindparam("account"),
        uploads.c.user == bindparam("user"),
        uploads.c.blob == bindparam("blob"),
    )


def _forget_replies() -> ClauseElement:
    key = (replies.c.account, replies.c.sender)
    old = select(*key).where(replies.c.replied_at < bindparam("before")).limit(bindparam("bound"))
    return delete(replies).where(tuple_(*key).in_(old))


def _left() -> ClauseElement:
    return (
        select(left_texts.c.email, left_texts.c.blob)
        .where(left_texts.c.blob != _NO_HASH)
        .order_by(left_texts.c.email)
        .limit(bindparam("bound"))
    )


def _keep_left() -> ClauseElement:
    return update(left_texts).where(left_texts.c.email.in_(listed("ids"))).values(blob=_NO_HASH)


def _done_with() -> ClauseElement:
    return delete(left_texts).where(left_texts.c.email.in_(listed("ids")))


def _blobs() -> ClauseElement:
    return (
        select(blobs.c.hash).where(blobs.c.hash > bindparam("after")).order_by(blobs.c.hash).limit(bindparam("bound"))
    )


def _forget_blobs() -> ClauseElement:
    referred = [exists().where(one == blobs.c.hash) for one in _REFERRING]
    return delete(blobs).where(blobs.c.hash.between(bindparam("first"), bindparam("last")), *(~one for one in referred))
