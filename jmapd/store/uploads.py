"""Uploads that no object refers to yet: bounded per user, seen by their uploader only (RFC 8620 section 6)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, select
from sqlalchemy.sql.expression import ClauseElement

from jmapd.protocol.limits import UploadBounds
from jmapd.store.database import Database
from jmapd.store.schema import emails, reports, uploads
from jmapd.store.sqlite import insert


def keep(
    database: Database,
    bounds: UploadBounds,
    *,
    account: int,
    user: int,
    blob: bytes,
    size: int,
    now: int,
    prepared: bytes | None,
) -> None:
    """Remember an upload, and forget older ones where there is no room; one that was there begins its time anew.

    :param now: milliseconds since 1970.
    :param prepared: the message's reading, where it was uploaded as message/rfc822.
    """
    database.execute(_record, account=account, user=user, blob=blob, size=size, uploaded_at=now, prepared=prepared)
    before = now - int(bounds.ttl * 1000)
    _make_room(database, user=user, files=bounds.files, size=max(bounds.size, size), before=before)


def _make_room(database: Database, *, user: int, files: int, size: int, before: int) -> None:
    """Forget a user's oldest uploads until they are within a bound (RFC 8620 section 6: in date order).

    :param files: how many may stay.
    :param size: how many octets may stay in all.
    :param before: what was uploaded before this, in milliseconds since 1970, has had its time.
    """
    database.execute(_forget_before, user=user, before=before)
    count, total = database.execute(_used, user=user).fetchone()
    if count <= files and total <= size:
        return
    for account, blob, octets in database.execute(_oldest, user=user).fetchall():
        if count <= files and total <= size:
            return
        forget(database, account=account, user=user, blob=blob)
        count, total = count - 1, total - octets


def forget(database: Database, *, account: int, user: int, blob: bytes) -> None:
    """An upload is referred to now, or its time is over."""
    database.execute(_forget, account=account, user=user, blob=blob)


def prepared(database: Database, *, account: int, user: int, blob: bytes) -> bytes | None:
    """The reading of an uploaded message, if it was made."""
    row = database.execute(_prepared, account=account, user=user, blob=blob).fetchone()
    return row[0] if row else None


def may_read(database: Database, *, account: int, user: int, blob: bytes) -> bool:
    """Whether a user who may see the account may see this blob in it: an Email's, a report's, or their own upload."""
    row = database.execute(_may_read, account=account, user=user, blob=blob).fetchone()
    return bool(row[0])


def _record() -> ClauseElement:
    statement = insert(uploads)
    return statement.on_conflict_do_update(
        index_elements=[uploads.c.account, uploads.c.user, uploads.c.blob],
        set_={"uploaded_at": statement.excluded.uploaded_at, "prepared": statement.excluded.prepared},
    )


def _used() -> ClauseElement:
    return select(func.count(), func.coalesce(func.sum(uploads.c.size), 0)).where(uploads.c.user == bindparam("user"))


def _oldest() -> ClauseElement:
    return (
        select(uploads.c.account, uploads.c.blob, uploads.c.size)
        .where(uploads.c.user == bindparam("user"))
        .order_by(uploads.c.uploaded_at)
    )


def _forget() -> ClauseElement:
    return delete(uploads).where(_one())


def _forget_before() -> ClauseElement:
    return delete(uploads).where((uploads.c.user == bindparam("user")) & (uploads.c.uploaded_at < bindparam("before")))


def _prepared() -> ClauseElement:
    return select(uploads.c.prepared).where(_one())


def _may_read() -> ClauseElement:
    of_email, of_report = (
        exists().where((table.c.account == bindparam("account")) & (table.c.blob == bindparam("blob")))
        for table in (emails, reports)
    )
    return select(of_email | of_report | exists().where(_one()))


def _one() -> ColumnElement[bool]:
    return (
        (uploads.c.account == bindparam("account"))
        & (uploads.c.user == bindparam("user"))
        & (uploads.c.blob == bindparam("blob"))
    )
