"""Threads: which Emails they have, and which references lead to them (RFC 8621 section 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter

import attrs
import orjson
from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.sql.expression import ClauseElement

from jmapd.protocol import ids
from jmapd.store.database import Database
from jmapd.store.emails import mailbox_numbers
from jmapd.store.schema import emails, mailbox_emails, thread_references
from jmapd.store.sqlite import insert, listed

ID_PREFIX = "t"

MAX_EMAILS = 1000
"""Emails in a Thread; what comes after begins another, for each change of one looks at all. More are not joined either."""


@attrs.frozen
class Member:
    """What of an Email matters to the counts: ``unread`` is neither $seen nor $draft."""

    unread: bool
    mailboxes: frozenset[int]


def thread_id(number: int) -> str:
    """The Thread's Id."""
    return ids.numbered(ID_PREFIX, number)


def members(database: Database, account: int, thread: int) -> dict[int, Member]:
    """What of a Thread's Emails matters to the counts."""
    rows = database.execute(_members, account=account, thread=thread)
    return {id: Member(bool(unread), mailbox_numbers(mailboxes)) for id, unread, mailboxes in rows}


def all_members(database: Database, account: int) -> Iterator[list[Member]]:
    """Each Thread's Emails, one Thread after the other, in the memory of one."""
    rows = database.execute(_all_members, account=account)
    for _, of_thread in groupby(rows, key=itemgetter(0)):
        yield [Member(bool(unread), mailbox_numbers(mailboxes)) for _, unread, mailboxes in of_thread]


def with_email_in(database: Database, account: int, mailbox: int) -> list[int]:
    """The Threads with an Email in a Mailbox."""
    return [row[0] for row in database.execute(_threads_in, account=account, mailbox=mailbox)]


def in_threads(database: Database, account: int, threads: Iterable[int]) -> dict[int, list[int]]:
    """For each Thread that there is its Emails' numbers, oldest first."""
    found: dict[int, list[int]] = {}
    rows = database.execute(_in_threads, account=account, threads=orjson.dumps(list(threads)).decode())
    for thread, email in rows:
        found.setdefault(thread, []).append(email)
    return found


def all_numbers(database: Database, account: int) -> list[int]:
    """The numbers of an account's Threads."""
    return [row[0] for row in database.execute(_all_threads, account=account)]


def reference(message_id: str, subject: str) -> int:
    """What a message id in a conversation of a subject is looked up by: 63 bits, made to be told apart, not secret."""
    text = f"{message_id}\0{subject}".encode(errors="replace")
    return int.from_bytes(blake2b(text, digest_size=8).digest()) >> 1


def referred(database: Database, account: int, references: Collection[int]) -> dict[int, int]:
    """The Threads that any of the references belongs to, each with how many Emails it has; the newest first."""
    rows = database.execute(_referred, account=account, references=orjson.dumps(list(references)).decode())
    return dict(rows.fetchall())


def refer(database: Database, account: int, thread: int, references: Iterable[int]) -> None:
    """Remember that a Thread's messages know of these references."""
    for one in references:
        database.execute(_refer, account=account, reference=one, thread=thread)


def forget(database: Database, account: int, thread: int) -> None:
    """A Thread's last Email is gone."""
    database.execute(_forget_thread, account=account, thread=thread)


def _members() -> ClauseElement:
    return select(emails.c.id, emails.c.unread, emails.c.mailboxes).where(
        (emails.c.account == bindparam("account")) & (emails.c.thread == bindparam("thread"))
    )


def _all_members() -> ClauseElement:
    return (
        select(emails.c.thread, emails.c.unread, emails.c.mailboxes)
        .where(emails.c.account == bindparam("account"))
        .order_by(emails.c.thread)
    )


def _threads_in() -> ClauseElement:
    return (
        select(mailbox_emails.c.thread)
        .where((mailbox_emails.c.account == bindparam("account")) & (mailbox_emails.c.mailbox == bindparam("mailbox")))
        .distinct()
    )


def _in_threads() -> ClauseElement:
    return (
        select(emails.c.thread, emails.c.id)
        .where((emails.c.account == bindparam("account")) & emails.c.thread.in_(listed("threads")))
        .order_by(emails.c.received_at, emails.c.id)
    )


def _all_threads() -> ClauseElement:
    return select(emails.c.thread).where(emails.c.account == bindparam("account")).distinct()


def _referred() -> ClauseElement:
    of_thread = (
        select(func.count())
        .where((emails.c.account == bindparam("account")) & (emails.c.thread == thread_references.c.thread))
        .scalar_subquery()
    )
    return (
        select(thread_references.c.thread, of_thread)
        .where(
            (thread_references.c.account == bindparam("account"))
            & thread_references.c.reference.in_(listed("references"))
        )
        .distinct()
        .order_by(thread_references.c.thread.desc())
    )


def _refer() -> ClauseElement:
    return insert(thread_references).on_conflict_do_nothing()


def _forget_thread() -> ClauseElement:
    return delete(thread_references).where(
        (thread_references.c.account == bindparam("account")) & (thread_references.c.thread == bindparam("thread"))
    )
