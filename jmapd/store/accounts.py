"""Accounts, and which user may see which."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import attrs
import orjson
from sqlalchemy import and_, bindparam, delete, insert, select, update
from sqlalchemy.sql.expression import ClauseElement

from jmapd.protocol import ids
from jmapd.store import numbers, tokens
from jmapd.store import users as logins
from jmapd.store.changes import AccountChanges
from jmapd.store.database import Database
from jmapd.store.schema import (
    access,
    accounts,
    ages,
    changes,
    email_bodies,
    email_keywords,
    emails,
    left_texts,
    mailbox_emails,
    mailboxes,
    objects,
    queue,
    replies,
    reports,
    submitted,
    thread_references,
    uploads,
    users,
)
from jmapd.store.schema import states as type_states
from jmapd.store.sqlite import insert as upsert

ID_PREFIX = "a"


def account_id(number: int) -> str:
    """The account's Id."""
    return ids.numbered(ID_PREFIX, number)


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
    """An account as an operator sees it.

    :param size: octets of all its messages.
    :param disabled: whether the user whose own it is may not log in.
    :param max_emails: how many messages it may hold, if that is bounded; as ``max_size``.
    """

    account: int
    name: str
    emails: int
    size: int
    disabled: bool
    max_emails: int | None
    max_size: int | None


@attrs.frozen
class Share:
    """An account that a user may see whose own it is not.

    :param name: of the user.
    """

    account: int
    user: int
    name: str
    read_only: bool


def accesses(database: Database, user: int) -> list[Access]:
    """The accounts that a user may see, their own first."""
    return [Access(*row) for row in database.execute(_accesses, user=user)]


def states(database: Database, user: int) -> dict[str, dict[str, int]]:
    """The modseq of each type in each account that a user may see, by the account's Id."""
    return {one.id: AccountChanges(database, one.account, 0).states() for one in accesses(database, user)}


def add(database: Database, name: str, hash: str) -> int:
    """Make a user with an account of their own.

    :param name: the full address; its case is not kept.
    :param hash: of the password.
    :returns: the account's number. The caller has looked that the name is free.
    """
    user = logins.add(database, name, hash)
    account = database.execute(_add_account, name=name.casefold(), modseq=0, spilled=False).lastrowid
    assert account is not None
    database.execute(_add_access, user=user, account=account, personal=True, read_only=False)
    return account


def summaries(database: Database) -> list[AccountSummary]:
    """All accounts with what they hold."""
    return [AccountSummary(*row) for row in database.execute(_summaries)]


def named(database: Database, address: str) -> Access | None:
    """The account of an address, whosever it is."""
    row = database.execute(_named, name=address.casefold()).fetchone()
    return Access(row[0], row[1], personal=False, read_only=False) if row else None


def domains(database: Database) -> set[str]:
    """The domains that accounts have."""
    return {name.rpartition("@")[2] for (name,) in database.execute(_names)}


def share(database: Database, account: int, user: int, *, read_only: bool) -> None:
    """Let a user see an account whose own it is not, or change what they may do there."""
    database.execute(_share, user=user, account=account, personal=False, read_only=read_only)
    logins.session_changed(database, user)


def unshare(database: Database, account: int, user: int) -> bool:
    """Let a user see an account no more; false where they could not."""
    if not database.execute(_unshare, user=user, account=account).rowcount:
        return False
    logins.session_changed(database, user)
    return True


def subscribed(database: Database, account: int, user: int) -> set[int]:
    """The numbers of the Mailboxes that a user is subscribed to in an account whose own it is not."""
    row = database.execute(_subscribed, account=account, user=user).fetchone()
    return set(orjson.loads(row[0])) if row else set()


def subscribe(database: Database, account: int, user: int, mailboxes: Collection[int]) -> None:
    """Keep these numbers."""
    text = orjson.dumps(sorted(mailboxes)).decode()
    database.execute(_subscribe, the_account=account, the_user=user, new=text)


def shares(database: Database) -> list[Share]:
    """All accounts that are shared, by account and user name."""
    return [Share(*row) for row in database.execute(_shares)]


def delete_account(database: Database, user: int) -> list[int]:
    """Remove a user and the accounts of their own, with all that is in them.

    The numbers are not given again, so rows of the full-text index that stay behind for now are seen by nobody.

    :returns: the other users who could see these accounts.
    """
    own = [one for one in accesses(database, user) if one.personal]
    others = sorted({one.user for one in shares(database) if one.account in {mine.account for mine in own}})
    for other in others:
        logins.session_changed(database, other)
    for one in own:
        low, high = numbers.account_range(one.account)
        database.execute(_leave_texts, account=one.account)
        database.execute(_delete_bodies, low=low, high=high)
        for expression in _OF_ACCOUNT:
            database.execute(expression, account=one.account)
    database.execute(_delete_access_of_user, user=user)
    tokens.remove_all(database, user)
    logins.remove(database, user)
    return others


def _accesses() -> ClauseElement:
    return (
        select(access.c.account, accounts.c.name, access.c.personal, access.c.read_only)
        .join_from(access, accounts, access.c.account == accounts.c.id)
        .where(access.c.user == bindparam("user"))
        .order_by(access.c.personal.desc(), access.c.account)
    )


def _add_account() -> ClauseElement:
    return insert(accounts).values(name=bindparam("name"), modseq=bindparam("modseq"), spilled=bindparam("spilled"))


_ACCESS: dict[str, Any] = {name: bindparam(name) for name in ("user", "account", "personal", "read_only")}


def _add_access() -> ClauseElement:
    return insert(access).values(_ACCESS)


def _named() -> ClauseElement:
    """By the user whose own it is, for the names of users are indexed."""
    return (
        select(accounts.c.id, accounts.c.name)
        .join_from(users, access, and_(access.c.user == users.c.id, access.c.personal))
        .join(accounts, accounts.c.id == access.c.account)
        .where(users.c.name == bindparam("name"))
    )


def _names() -> ClauseElement:
    return select(accounts.c.name)


def _share() -> ClauseElement:
    statement = upsert(access).values(_ACCESS)
    return statement.on_conflict_do_update(
        index_elements=[access.c.user, access.c.account], set_={"read_only": statement.excluded.read_only}
    )


def _unshare() -> ClauseElement:
    return delete(access).where(
        access.c.user == bindparam("user"), access.c.account == bindparam("account"), ~access.c.personal
    )


def _subscribed() -> ClauseElement:
    return select(access.c.subscribed).where(
        access.c.user == bindparam("user"), access.c.account == bindparam("account")
    )


def _subscribe() -> ClauseElement:
    return (
        update(access)
        .where(access.c.user == bindparam("the_user"), access.c.account == bindparam("the_account"))
        .values(subscribed=bindparam("new"))
    )


def _shares() -> ClauseElement:
    return (
        select(access.c.account, access.c.user, users.c.name, access.c.read_only)
        .join_from(access, users, users.c.id == access.c.user)
        .where(~access.c.personal)
        .order_by(access.c.account, users.c.name)
    )


def _summaries() -> ClauseElement:
    return (
        select(
            accounts.c.id,
            accounts.c.name,
            accounts.c.emails,
            accounts.c.octets,
            users.c.disabled,
            accounts.c.max_emails,
            accounts.c.max_octets,
        )
        .join_from(accounts, access, and_(access.c.account == accounts.c.id, access.c.personal))
        .join(users, users.c.id == access.c.user)
        .order_by(accounts.c.name)
    )


def _leave_texts() -> ClauseElement:
    of_account = select(emails.c.id, emails.c.blob).where(emails.c.account == bindparam("account"))
    return insert(left_texts).from_select(["email", "blob"], of_account)


def _delete_bodies() -> ClauseElement:
    return delete(email_bodies).where(email_bodies.c.email.between(bindparam("low"), bindparam("high")))


def _delete_access_of_user() -> ClauseElement:
    return delete(access).where(access.c.user == bindparam("user"))


_OF_ACCOUNT = tuple(
    # each is an expression of its own to `Database.execute`, which knows them by identity
    (lambda table=table, column=column: delete(table).where(column == bindparam("account")))
    for table, column in (
        (ages, ages.c.account),
        (emails, emails.c.account),
        (mailbox_emails, mailbox_emails.c.account),
        (email_keywords, email_keywords.c.account),
        (thread_references, thread_references.c.account),
        (mailboxes, mailboxes.c.account),
        (objects, objects.c.account),
        (queue, queue.c.account),
        (replies, replies.c.account),
        (reports, reports.c.account),
        (submitted, submitted.c.account),
        (changes, changes.c.account),
        (type_states, type_states.c.account),
        (uploads, uploads.c.account),
        (access, access.c.account),
        (accounts, accounts.c.id),
    )
)
