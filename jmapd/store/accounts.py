"""Users, accounts, and which user may see which account."""

from __future__ import annotations

import attrs
from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.sql.expression import ClauseElement

from jmapd.protocol import ids
from jmapd.store import numbers
from jmapd.store.database import Database
from jmapd.store.schema import (
    access,
    accounts,
    changes,
    email_bodies,
    email_keywords,
    emails,
    mailbox_emails,
    mailboxes,
    states,
    thread_references,
    uploads,
    users,
)

ID_PREFIX = "a"


def account_id(number: int) -> str:
    """The account's Id."""
    return ids.numbered(ID_PREFIX, number)


@attrs.frozen
class User:
    """Somebody who can log in.

    :param hash: of the password, as argon2 writes it.
    :param session: counts what changes the user's Session object.
    """

    id: int
    name: str
    hash: str
    session: int


@attrs.frozen
class Access:
    """An account that a user may see."""

    account: int
    name: str
    personal: bool
    read_only: bool

    @property
    def id(self) -> str:
        """The account's Id."""
        return account_id(self.account)


@attrs.frozen
class AccountSummary:
    """An account as an operator sees it; ``size`` in octets of all its messages."""

    account: int
    name: str
    emails: int
    size: int


def user_named(database: Database, name: str) -> User | None:
    """The user of a name, whatever its case."""
    row = database.execute(_user_named, name=name.casefold()).fetchone()
    return User(*row) if row else None


def session_counter(database: Database, user: int) -> int | None:
    """What the user's Session has been counted to, or ``None`` where there is no such user."""
    row = database.execute(_session_counter, user=user).fetchone()
    return row[0] if row else None


def accesses(database: Database, user: int) -> list[Access]:
    """The accounts that a user may see, their own first."""
    return [Access(*row) for row in database.execute(_accesses, user=user)]


def add(database: Database, name: str, hash: str) -> int:
    """Make a user with an account of their own.

    :param name: the full address; its case is not kept.
    :param hash: of the password.
    :returns: the account's number. The caller has looked that the name is free.
    """
    user = database.execute(_add_user, name=name.casefold(), hash=hash, session=1).lastrowid
    account = database.execute(_add_account, name=name.casefold(), modseq=0, spilled=False).lastrowid
    assert user is not None
    assert account is not None
    database.execute(_add_access, user=user, account=account, personal=True, read_only=False)
    return account


def set_hash(database: Database, user: int, hash: str) -> None:
    """Give a user another password."""
    database.execute(_set_hash, the_user=user, new_hash=hash)


def summaries(database: Database) -> list[AccountSummary]:
    """All accounts with what they hold."""
    return [AccountSummary(*row) for row in database.execute(_summaries)]


def delete_account(database: Database, user: int) -> None:
    """Remove a user and the accounts of their own, with all that is in them.

    The numbers are not given again, so rows of the full-text index that stay behind are seen by nobody.
    """
    for access_ in accesses(database, user):
        if access_.personal:
            low, high = numbers.account_range(access_.account)
            database.execute(_delete_bodies, low=low, high=high)
            for expression in _OF_ACCOUNT:
                database.execute(expression, account=access_.account)
    database.execute(_delete_access_of_user, user=user)
    database.execute(_delete_user, user=user)


def _user_named() -> ClauseElement:
    return select(users.c.id, users.c.name, users.c.hash, users.c.session).where(users.c.name == bindparam("name"))


def _session_counter() -> ClauseElement:
    return select(users.c.session).where(users.c.id == bindparam("user"))


def _accesses() -> ClauseElement:
    return (
        select(access.c.account, accounts.c.name, access.c.personal, access.c.read_only)
        .join_from(access, accounts, access.c.account == accounts.c.id)
        .where(access.c.user == bindparam("user"))
        .order_by(access.c.personal.desc(), access.c.account)
    )


def _add_user() -> ClauseElement:
    return insert(users).values(name=bindparam("name"), hash=bindparam("hash"), session=bindparam("session"))


def _add_account() -> ClauseElement:
    return insert(accounts).values(name=bindparam("name"), modseq=bindparam("modseq"), spilled=bindparam("spilled"))


def _add_access() -> ClauseElement:
    return insert(access)


def _set_hash() -> ClauseElement:
    return update(users).where(users.c.id == bindparam("the_user")).values(hash=bindparam("new_hash"))


def _summaries() -> ClauseElement:
    return (
        select(accounts.c.id, accounts.c.name, func.count(emails.c.id), func.coalesce(func.sum(emails.c.size), 0))
        .join_from(accounts, emails, emails.c.account == accounts.c.id, isouter=True)
        .group_by(accounts.c.id)
        .order_by(accounts.c.name)
    )


def _delete_bodies() -> ClauseElement:
    return delete(email_bodies).where(email_bodies.c.email.between(bindparam("low"), bindparam("high")))


def _delete_access_of_user() -> ClauseElement:
    return delete(access).where(access.c.user == bindparam("user"))


def _delete_user() -> ClauseElement:
    return delete(users).where(users.c.id == bindparam("user"))


_OF_ACCOUNT = tuple(
    # each is an expression of its own to `Database.execute`, which knows them by identity
    (lambda table=table, column=column: delete(table).where(column == bindparam("account")))
    for table, column in (
        (emails, emails.c.account),
        (mailbox_emails, mailbox_emails.c.account),
        (email_keywords, email_keywords.c.account),
        (thread_references, thread_references.c.account),
        (mailboxes, mailboxes.c.account),
        (changes, changes.c.account),
        (states, states.c.account),
        (uploads, uploads.c.account),
        (access, access.c.account),
        (accounts, accounts.c.id),
    )
)
