"""What an account uses, counted as Emails come and go, and what it may use."""

from __future__ import annotations

import attrs
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.database import Database
from jmapd.store.schema import accounts
from jmapd.store.schema import emails as emails_table

OCTETS_QUOTA, COUNT_QUOTA = 1, 2
"""The numbers of an account's Quotas."""


@attrs.frozen
class Usage:
    """The Emails of an account.

    :param octets: of their messages.
    :param max_emails: how many there may be; ``None``: as many as come.
    :param max_octets: how many octets there may be; ``None``: as many as come.
    """

    emails: int
    octets: int
    max_emails: int | None
    max_octets: int | None

    def has_room(self, size: int) -> bool:
        """Whether there is room for one more Email of a size."""
        return (self.max_emails is None or self.emails < self.max_emails) and (
            self.max_octets is None or self.octets + size <= self.max_octets
        )


def read(database: Database, account: int) -> Usage:
    """What an account uses."""
    return Usage(*database.execute(_usage, account=account).fetchone())


def use(database: Database, account: int, *, emails: int, octets: int) -> None:
    """Count Emails that came, or below zero went."""
    database.execute(_use, the_account=account, emails_more=emails, octets_more=octets)


def miscount(database: Database, account: int) -> tuple[int, int]:
    """The Emails and octets that are to be added to what is counted, for it to be what all rows give."""
    usage = read(database, account)
    emails, octets = database.execute(_counted, account=account).fetchone()
    return emails - usage.emails, octets - usage.octets


def set_limits(database: Database, account: int, *, emails: int | None, octets: int | None) -> None:
    """Say what an account may use."""
    database.execute(_set_limits, the_account=account, emails_limit=emails, octets_limit=octets)


def _usage() -> ClauseElement:
    columns = (accounts.c.emails, accounts.c.octets, accounts.c.max_emails, accounts.c.max_octets)
    return select(*columns).where(accounts.c.id == bindparam("account"))


def _counted() -> ClauseElement:
    counted = func.count(), func.coalesce(func.sum(emails_table.c.size), 0)
    return select(*counted).where(emails_table.c.account == bindparam("account"))


def _use() -> ClauseElement:
    return (
        update(accounts)
        .where(accounts.c.id == bindparam("the_account"))
        .values(
            emails=accounts.c.emails + bindparam("emails_more"), octets=accounts.c.octets + bindparam("octets_more")
        )
    )


def _set_limits() -> ClauseElement:
    return (
        update(accounts)
        .where(accounts.c.id == bindparam("the_account"))
        .values(max_emails=bindparam("emails_limit"), max_octets=bindparam("octets_limit"))
    )
