"""Rows that belong to something that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, or_, select
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.database import Database
from jmapd.store.schema import (
    access,
    accounts,
    ages,
    blobs,
    changes,
    email_bodies,
    email_keywords,
    emails,
    left_texts,
    mailbox_emails,
    mailboxes,
    objects,
    push_subscriptions,
    queue,
    replies,
    reports,
    states,
    submitted,
    thread_references,
    tokens,
    uploads,
    users,
)
from jmapd.store.sqlite import indexed_texts
from jmapd.store.submitted import TYPE as SUBMISSION


@attrs.frozen(eq=False)
class Stray:
    """A kind of rows that belong to nothing.

    :param said: what they are, for a person.
    :param condition: which rows of the table they are.
    :param is_mail: whether somebody may miss them, so that they are not removed.
    """

    said: str
    table: Table
    condition: ColumnElement[bool]
    is_mail: bool = False

    def counting(self) -> ClauseElement:
        """Counts them."""
        return select(func.count()).select_from(self.table).where(self.condition)

    def deleting(self) -> ClauseElement:
        """Removes them."""
        return delete(self.table).where(self.condition)


def found(database: Database) -> Iterator[tuple[Stray, int]]:
    """The kinds that there are, each with how many."""
    for stray in STRAYS:
        (count,) = database.run(database.compile(stray.counting()), {}).fetchone()
        if count:
            yield stray, count


def remove(database: Database) -> None:
    """Remove those that nobody can miss."""
    for stray in STRAYS:
        if not stray.is_mail:
            database.run(database.compile(stray.deleting()), {})


def _none(*same: tuple[Any, Any]) -> ColumnElement[bool]:
    """No row is there whose columns are the same."""
    return ~exists().where(and_(*(one == other for one, other in same)))


def _of_no_submission(table: Table) -> ColumnElement[bool]:
    return _none((objects.c.account, table.c.account), (objects.c.type, SUBMISSION), (objects.c.id, table.c.submission))


_OF_ACCOUNT = (
    (states, "states", False),
    (changes, "entries of the table of changes", False),
    (ages, "notes of age", False),
    (mailbox_emails, "entries of Mailboxes", False),
    (email_keywords, "entries of keywords", False),
    (mailboxes, "Mailboxes", True),
    (emails, "Emails", True),
    (objects, "objects", True),
    (queue, "waiting messages", True),
    (replies, "notes of automatic replies", False),
)
_BOXES = mailboxes.alias("boxes")

STRAYS = (
    *(
        Stray(f"{said} of no account", table, _none((accounts.c.id, table.c.account)), is_mail)
        for table, said, is_mail in _OF_ACCOUNT
    ),
    Stray(
        "accesses of no user or to no account",
        access,
        or_(_none((users.c.id, access.c.user)), _none((accounts.c.id, access.c.account))),
    ),
    Stray("Message-IDs of no EmailSubmission", submitted, _of_no_submission(submitted)),
    Stray("reports on no EmailSubmission", reports, _of_no_submission(reports)),
    Stray("tokens of no user", tokens, _none((users.c.id, tokens.c.user))),
    Stray("PushSubscriptions of no user", push_subscriptions, _none((users.c.id, push_subscriptions.c.user))),
    Stray(
        "uploads to no account or of no blob",
        uploads,
        or_(_none((accounts.c.id, uploads.c.account)), _none((blobs.c.hash, uploads.c.blob))),
    ),
    Stray(
        "references to no Thread",
        thread_references,
        _none((emails.c.account, thread_references.c.account), (emails.c.thread, thread_references.c.thread)),
    ),
    Stray("bodies of no Email", email_bodies, _none((emails.c.id, email_bodies.c.email))),
    Stray("Emails without a body", emails, _none((email_bodies.c.email, emails.c.id)), is_mail=True),
    Stray(
        "Mailboxes within none",
        mailboxes,
        and_(
            mailboxes.c.parent.isnot(None),
            _none((_BOXES.c.account, mailboxes.c.account), (_BOXES.c.id, mailboxes.c.parent)),
        ),
        is_mail=True,
    ),
    Stray(
        "texts to be removed from the index that are not in it, or are an Email's",
        left_texts,
        or_(_none((indexed_texts.c.id, left_texts.c.email)), ~_none((emails.c.id, left_texts.c.email))),
    ),
)
"""Of texts to be removed: to remove one that is not in the index would damage it."""
