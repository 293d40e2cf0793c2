"""The tables that Emails are looked up by, against the Emails' own rows, which are what clients are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import orjson
from sqlalchemy import and_, bindparam, delete, select
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store import emails as rows
from jmapd.store import numbers
from jmapd.store.database import Database
from jmapd.store.emails import mailbox_numbers
from jmapd.store.schema import email_keywords, emails, mailbox_emails

_TOGETHER = 500


def wrong(database: Database, account: int) -> int:
    """How many entries of an account are missing, or there without reason, or say something else than the Emails."""
    there: Counter[str] = Counter()
    bad = 0
    for unread, mailboxes, keywords in database.execute(_emails, account=account):
        tags = orjson.loads(keywords)
        there["mailboxes"] += len(mailbox_numbers(mailboxes))
        there["keywords"] += len(tags)
        bad += bool(unread) != rows.is_unread(tags)
    for mailbox, thread, right, mailboxes in database.execute(_entered, account=account):
        if mailboxes is not None and thread == right and mailbox in mailbox_numbers(mailboxes):
            there["mailboxes"] -= 1
        else:
            bad += 1
    for keyword, keywords in database.execute(_tagged, account=account):
        if keywords is not None and keyword in orjson.loads(keywords):
            there["keywords"] -= 1
        else:
            bad += 1
    # what is left of these has no entry, unless the entry is a wrong one
    return max(bad, there.total())


def write_anew(database: Database, account: int) -> None:
    """Make all entries of an account of its Emails' rows."""
    for expression in (_leave_all, _untag_all):
        database.execute(expression, account=account)
    for numbers_ in _pages(database, account):
        for email in rows.mutable(database, numbers_).values():
            rows.enter(database, account, email)


def _pages(database: Database, account: int) -> Iterator[list[int]]:
    """The numbers of an account's Emails, not many at a time."""
    low, high = numbers.account_range(account)
    while page := [row[0] for row in database.execute(_next, low=low, high=high, bound=_TOGETHER)]:
        yield page
        low = page[-1] + 1


def _emails() -> ClauseElement:
    columns = (emails.c.unread, emails.c.mailboxes, emails.c.keywords)
    return select(*columns).where(emails.c.account == bindparam("account"))


def _entered() -> ClauseElement:
    of_email = and_(emails.c.id == mailbox_emails.c.email, emails.c.account == mailbox_emails.c.account)
    return (
        select(mailbox_emails.c.mailbox, mailbox_emails.c.thread, emails.c.thread, emails.c.mailboxes)
        .join_from(mailbox_emails, emails, of_email, isouter=True)
        .where(mailbox_emails.c.account == bindparam("account"))
    )


def _tagged() -> ClauseElement:
    of_email = and_(emails.c.id == email_keywords.c.email, emails.c.account == email_keywords.c.account)
    return (
        select(email_keywords.c.keyword, emails.c.keywords)
        .join_from(email_keywords, emails, of_email, isouter=True)
        .where(email_keywords.c.account == bindparam("account"))
    )


def _next() -> ClauseElement:
    return (
        select(emails.c.id)
        .where(emails.c.id.between(bindparam("low"), bindparam("high")))
        .order_by(emails.c.id)
        .limit(bindparam("bound"))
    )


def _leave_all() -> ClauseElement:
    return delete(mailbox_emails).where(mailbox_emails.c.account == bindparam("account"))


def _untag_all() -> ClauseElement:
    return delete(email_keywords).where(email_keywords.c.account == bindparam("account"))
