"""Who has been answered automatically, and when: nobody is each time that they write (RFC 3834 section 2)."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, exists, select
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.database import Database
from jmapd.store.schema import replies
from jmapd.store.sqlite import insert

KEEP = 7 * 86_400_000
"""Milliseconds within which a sender is answered once."""


def was_answered(database: Database, account: int, sender: str, now: int) -> bool:
    """Whether a sender has been answered lately.

    :param now: milliseconds since 1970.
    """
    row = database.execute(_was_answered, account=account, sender=sender.casefold(), since=now - KEEP).fetchone()
    return bool(row[0])


def note(database: Database, account: int, sender: str, now: int) -> None:
    """A sender is answered now."""
    database.execute(_note, account=account, sender=sender.casefold(), replied_at=now)


def forget_all(database: Database, account: int) -> None:
    """What an account answers is another thing now, and everybody may be told it."""
    database.execute(_forget_all, account=account)


def _was_answered() -> ClauseElement:
    return select(
        exists().where(
            replies.c.account == bindparam("account"),
            replies.c.sender == bindparam("sender"),
            replies.c.replied_at > bindparam("since"),
        )
    )


def _note() -> ClauseElement:
    statement = insert(replies)
    return statement.on_conflict_do_update(
        index_elements=[replies.c.account, replies.c.sender], set_={"replied_at": statement.excluded.replied_at}
    )


def _forget_all() -> ClauseElement:
    return delete(replies).where(replies.c.account == bindparam("account"))
