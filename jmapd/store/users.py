"""Users: who can log in, and with which password."""

from __future__ import annotations

import attrs
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store import push_subscriptions
from jmapd.store.database import Database
from jmapd.store.schema import users

PASSWORD = "password"  # noqa: S105  # the name of a kind of credential, not one


@attrs.frozen
class User:
    """Somebody who can log in.

    :param hash: of the password; ours are argon2's.
    :param session: counts what changes the user's Session object.
    :param disabled: whether their credentials are refused for now.
    """

    id: int
    name: str
    hash: str = attrs.field(repr=False)
    session: int
    disabled: bool


def named(database: Database, name: str) -> User | None:
    """The user of a name, whatever its case."""
    row = database.execute(_named, name=name.casefold()).fetchone()
    return User(*row) if row else None


def alike(database: Database, name: str) -> list[str]:
    """Names of users, a few at most, that differ from a name behind the @ alone."""
    local, _, _ = name.casefold().partition("@")
    return [row[0] for row in database.execute(_alike, begin=f"{local}@", end=f"{local}A")]


def session_counter(database: Database, user: int) -> int | None:
    """What the user's Session has been counted to, or ``None`` where there is no such user."""
    row = database.execute(_session_counter, user=user).fetchone()
    return row[0] if row else None


def add(database: Database, name: str, hash: str) -> int:
    """Make a user; their number. The caller has looked that the name is free."""
    user = database.execute(_add, name=name.casefold(), hash=hash, session=1, disabled=False).lastrowid
    assert user is not None
    return user


def set_hash(database: Database, user: int, hash: str) -> None:
    """Give a user another password; what rests on the old one is no more."""
    push_subscriptions.erase_of(database, user, PASSWORD)
    database.execute(_set_hash, the_user=user, new_hash=hash)


def renew_hash(database: Database, user: int, old: str, new: str) -> None:
    """Keep another hash of the same password, unless the user has another password by now."""
    database.execute(_renew_hash, the_user=user, old_hash=old, new_hash=new)


def set_disabled(database: Database, user: int, *, disabled: bool) -> None:
    """Refuse all credentials of a user, or no more."""
    if disabled:
        push_subscriptions.erase_of(database, user, None)
    database.execute(_set_disabled, the_user=user, whether=disabled)


def session_changed(database: Database, user: int) -> None:
    """The user's Session object is another one now."""
    database.execute(_session_changed, the_user=user)


def remove(database: Database, user: int) -> None:
    """Remove a user; what is in their account is the caller's care."""
    push_subscriptions.remove_of(database, user)
    database.execute(_remove, user=user)


def _named() -> ClauseElement:
    columns = (users.c.id, users.c.name, users.c.hash, users.c.session, users.c.disabled)
    return select(*columns).where(users.c.name == bindparam("name"))


def _alike() -> ClauseElement:
    # what begins so, by the index of names: A comes next after @
    begins = (users.c.name >= bindparam("begin"), users.c.name < bindparam("end"))
    return select(users.c.name).where(*begins).order_by(users.c.name).limit(3)


def _session_counter() -> ClauseElement:
    return select(users.c.session).where(users.c.id == bindparam("user"))


def _add() -> ClauseElement:
    return insert(users).values(
        name=bindparam("name"), hash=bindparam("hash"), session=bindparam("session"), disabled=bindparam("disabled")
    )


def _set_hash() -> ClauseElement:
    return update(users).where(users.c.id == bindparam("the_user")).values(hash=bindparam("new_hash"))


def _renew_hash() -> ClauseElement:
    return (
        update(users)
        .where(users.c.id == bindparam("the_user"), users.c.hash == bindparam("old_hash"))
        .values(hash=bindparam("new_hash"))
    )


def _set_disabled() -> ClauseElement:
    return update(users).where(users.c.id == bindparam("the_user")).values(disabled=bindparam("whether"))


def _session_changed() -> ClauseElement:
    return update(users).where(users.c.id == bindparam("the_user")).values(session=users.c.session + 1)


def _remove() -> ClauseElement:
    return delete(users).where(users.c.id == bindparam("user"))
