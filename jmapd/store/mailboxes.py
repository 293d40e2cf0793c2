"""Rows of Mailboxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.sql.expression import ClauseElement

from jmapd.protocol import ids
from jmapd.store.database import Database
from jmapd.store.schema import mailbox_emails, mailboxes

ID_PREFIX = "m"


@attrs.frozen
class MailboxRow:
    """A Mailbox as it is kept.

    :param subscribed: whether the user is whose own the account is.
    """

    id: int
    name: str
    parent: int | None
    role: str | None
    sort_order: int
    subscribed: bool
    total_emails: int = 0
    unread_emails: int = 0
    total_threads: int = 0
    unread_threads: int = 0

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Emails, unread Emails, Threads, unread Threads."""
        return self.total_emails, self.unread_emails, self.total_threads, self.unread_threads


def mailbox_id(number: int) -> str:
    """The Mailbox's Id."""
    return ids.numbered(ID_PREFIX, number)


def all_of(database: Database, account: int) -> dict[int, MailboxRow]:
    """All Mailboxes of an account by their number."""
    return {row[0]: MailboxRow(*row) for row in database.execute(_all, account=account)}


def add(database: Database, account: int, row: MailboxRow) -> None:
    """Keep a new Mailbox."""
    values = attrs.asdict(row)
    database.execute(_add, account=account, **values)


def change(database: Database, account: int, row: MailboxRow) -> None:
    """Keep a Mailbox's new properties, but for its counts and for who is subscribed."""
    database.execute(
        _change,
        the_account=account,
        the_id=row.id,
        new_name=row.name,
        new_parent=row.parent,
        new_role=row.role,
        new_sort_order=row.sort_order,
    )


def subscribe(database: Database, account: int, mailbox: int, *, subscribed: bool) -> None:
    """Keep whether the user whose own the account is is subscribed."""
    database.execute(_subscribe, the_account=account, the_id=mailbox, new_subscribed=subscribed)


def count(database: Database, account: int, mailbox: int, difference: tuple[int, int, int, int]) -> None:
    """Add to a Mailbox's four counts: emails, unread emails, threads, unread threads."""
    names = ("emails_more", "unread_emails_more", "threads_more", "unread_threads_more")
    database.execute(_count, the_account=account, the_id=mailbox, **dict(zip(names, difference, strict=True)))


def remove(database: Database, account: int, mailbox: int) -> None:
    """Forget a Mailbox that holds no Email."""
    database.execute(_remove, account=account, id=mailbox)


def trash_of(rows: Mapping[int, MailboxRow]) -> int | None:
    """The Mailbox with the role "trash", if there is one."""
    return next((row.id for row in rows.values() if row.role == "trash"), None)


def emails_in(database: Database, account: int, mailbox: int) -> list[int]:
    """The numbers of the Emails in a Mailbox."""
    return [row[0] for row in database.execute(_emails, account=account, mailbox=mailbox)]


def _all() -> ClauseElement:
    columns: list[Any] = [mailboxes.c[field.name] for field in attrs.fields(MailboxRow)]
    return select(*columns).where(mailboxes.c.account == bindparam("account"))


def _add() -> ClauseElement:
    return insert(mailboxes)


def _one() -> Any:
    return (mailboxes.c.account == bindparam("the_account")) & (mailboxes.c.id == bindparam("the_id"))


def _change() -> ClauseElement:
    return (
        update(mailboxes)
        .where(_one())
        .values(
            name=bindparam("new_name"),
            parent=bindparam("new_parent"),
            role=bindparam("new_role"),
            sort_order=bindparam("new_sort_order"),
        )
    )


def _subscribe() -> ClauseElement:
    return update(mailboxes).where(_one()).values(subscribed=bindparam("new_subscribed"))


def _count() -> ClauseElement:
    return (
        update(mailboxes)
        .where(_one())
        .values(
            total_emails=mailboxes.c.total_emails + bindparam("emails_more"),
            unread_emails=mailboxes.c.unread_emails + bindparam("unread_emails_more"),
            total_threads=mailboxes.c.total_threads + bindparam("threads_more"),
            unread_threads=mailboxes.c.unread_threads + bindparam("unread_threads_more"),
        )
    )


def _remove() -> ClauseElement:
    return delete(mailboxes).where((mailboxes.c.account == bindparam("account")) & (mailboxes.c.id == bindparam("id")))


def _emails() -> ClauseElement:
    return select(mailbox_emails.c.email).where(
        (mailbox_emails.c.account == bindparam("account")) & (mailbox_emails.c.mailbox == bindparam("mailbox"))
    )
