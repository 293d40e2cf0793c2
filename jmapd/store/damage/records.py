"""The table of changes against the objects that there are: each has its row, and no counter is behind."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, bindparam, except_, func, literal, select, union_all
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.changes import AccountChanges
from jmapd.store.database import Database
from jmapd.store.quotas import COUNT_QUOTA, OCTETS_QUOTA
from jmapd.store.schema import accounts, changes, emails, mailboxes, objects, queue, states

Row = tuple[str, int]
"""A type, and the number of an object."""

_BOUND = 10_000


def unrecorded(database: Database, account: int, bound: int = _BOUND) -> list[Row]:
    """Objects that the table of changes does not know, or takes for destroyed; so many at most."""
    return database.execute(_unrecorded, account=account, bound=bound).fetchall()


def ghosts(database: Database, account: int, bound: int = _BOUND) -> list[Row]:
    """Objects that the table of changes takes for there, and that are not; so many at most."""
    return database.execute(_ghosts, account=account, bound=bound).fetchall()


def behind(database: Database, account: int) -> int:
    """How far an account's modseq is behind what has been numbered by it; 0 if it is not."""
    (modseq,) = database.execute(_modseq, account=account).fetchone()
    (highest,) = database.execute(_highest, account=account).fetchone()
    return int(max(0, (highest or 0) - modseq))


def late_states(database: Database, account: int) -> dict[str, int]:
    """The types whose state is older than their last change, each with what it should be."""
    kept = AccountChanges.open(database, account).states()
    last = database.execute(_last_changes, account=account).fetchall()
    return {type: modseq for type, modseq in last if kept.get(type, -1) < modseq}


def mend(database: Database, account: int) -> None:
    """Have the table agree with the objects. What that changes gets new modseqs."""
    changed = AccountChanges.open(database, account)
    changed.modseq += behind(database, account)
    changed.keep_modseq()
    changed.new_states.update(late_states(database, account))
    changed.save()
    while gone := ghosts(database, account):
        for type, object in gone:
            changed.destroyed(type, object)
    while missing := unrecorded(database, account):
        for type, object in missing:
            changed.made(type, object)
    changed.save()


def _of_account(column: Any) -> ColumnElement[bool]:
    same: ColumnElement[bool] = column == bindparam("account")
    return same


def _there() -> Any:
    """The objects of an account, by the tables that they are kept in."""
    return union_all(
        select(literal("Email").label("type"), emails.c.id.label("object")).where(_of_account(emails.c.account)),
        select(literal("Thread"), emails.c.thread).where(_of_account(emails.c.account)).distinct(),
        select(literal("Mailbox"), mailboxes.c.id).where(_of_account(mailboxes.c.account)),
        select(objects.c.type, objects.c.id).where(_of_account(objects.c.account)),
        *(
            select(literal("Quota"), literal(number)).where(_of_account(accounts.c.id), limit.isnot(None))
            for number, limit in ((OCTETS_QUOTA, accounts.c.max_octets), (COUNT_QUOTA, accounts.c.max_emails))
        ),
    ).subquery()


def _recorded() -> Any:
    return select(changes.c.type, changes.c.object).where(_of_account(changes.c.account), changes.c.destroyed.is_(None))


def _unrecorded() -> ClauseElement:
    there = _there()
    return except_(select(there.c.type, there.c.object), _recorded()).limit(bindparam("bound"))


def _ghosts() -> ClauseElement:
    there = _there()
    return except_(_recorded(), select(there.c.type, there.c.object)).limit(bindparam("bound"))


def _modseq() -> ClauseElement:
    return select(accounts.c.modseq).where(_of_account(accounts.c.id))


def _highest() -> ClauseElement:
    """The highest of all that a modseq has been taken for."""
    numbered = (
        (changes.c.account, changes.c.made),
        (changes.c.account, changes.c.changed),
        (changes.c.account, changes.c.destroyed),
        (states.c.account, states.c.modseq),
        (states.c.account, states.c.forgotten),
        (mailboxes.c.account, mailboxes.c.id),
        (emails.c.account, emails.c.thread),
        (queue.c.account, queue.c.id),
    )
    highest = union_all(
        *(select(func.max(number).label("highest")).where(_of_account(account)) for account, number in numbered),
        select(func.max(objects.c.id)).where(_of_account(objects.c.account)),
    ).subquery()
    return select(func.max(highest.c.highest))


def _last_changes() -> ClauseElement:
    return (
        select(changes.c.type, func.max(changes.c.changed))
        .where(_of_account(changes.c.account))
        .group_by(changes.c.type)
    )
