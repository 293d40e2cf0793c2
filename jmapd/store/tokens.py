"""Tokens: what programs of a user log in with, each with its own scope and end."""

from __future__ import annotations

import attrs
from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.sql.expression import ClauseElement

from jmapd.protocol import ids
from jmapd.store import push_subscriptions
from jmapd.store.database import Database
from jmapd.store.schema import tokens, users

_ID_PREFIX = "t"
_CREDENTIAL = "token:"  # what the names of such credentials begin with


@attrs.frozen
class Token:
    """A token, without its text, which the store does not have.

    :param number: never given again.
    :param name: of its user.
    :param label: what its owner calls it.
    :param made: seconds since 1970, as ``expires`` is; ``None``: never.
    """

    number: int
    user: int
    name: str
    label: str
    made: int
    expires: int | None
    read_only: bool
    disabled: bool

    @property
    def id(self) -> str:
        """What it is called where it is listed or revoked."""
        return ids.numbered(_ID_PREFIX, self.number)

    @property
    def credential(self) -> str:
        """What a principal who came with it has for a credential."""
        return f"{_CREDENTIAL}{self.id}"


def add(
    database: Database, *, user: int, hash: str, label: str, made: int, expires: int | None, read_only: bool
) -> str:
    """Keep a token; its id.

    :param hash: of its text.
    """
    row = database.execute(
        _add, user=user, hash=hash, label=label, made=made, expires=expires, read_only=read_only
    ).lastrowid
    assert row is not None
    return ids.numbered(_ID_PREFIX, row)


def hashed(database: Database, hash: str) -> Token | None:
    """The token of a hash."""
    row = database.execute(_hashed, hash=hash).fetchone()
    return Token(*row) if row else None


def identified(database: Database, id: str) -> Token | None:
    """The token of an id."""
    number = ids.number(_ID_PREFIX, id)
    row = None if number is None else database.execute(_identified, number=number).fetchone()
    return Token(*row) if row else None


def of_credential(database: Database, credential: str) -> Token | None:
    """The token that a credential is."""
    return identified(database, credential.removeprefix(_CREDENTIAL))


def all_of(database: Database, user: int | None) -> list[Token]:
    """The tokens of a user, or all there are; those of one user together, the oldest first."""
    rows = database.execute(_all) if user is None else database.execute(_of_user, user=user)
    return [Token(*row) for row in rows]


def count(database: Database, user: int) -> int:
    """How many tokens a user has."""
    row = database.execute(_count, user=user).fetchone()
    return int(row[0])


def remove(database: Database, token: Token) -> None:
    """Revoke a token; what rests on it is no more."""
    push_subscriptions.erase_of(database, token.user, token.credential)
    database.execute(_remove, number=token.number)


def remove_all(database: Database, user: int) -> None:
    """Revoke all tokens of a user."""
    database.execute(_remove_all, user=user)


_COLUMNS = (
    tokens.c.id,
    tokens.c.user,
    users.c.name,
    tokens.c.label,
    tokens.c.made,
    tokens.c.expires,
    tokens.c.read_only,
    users.c.disabled,
)
_JOINED = select(*_COLUMNS).join_from(tokens, users, tokens.c.user == users.c.id)


def _add() -> ClauseElement:
    return insert(tokens).values(
        {name: bindparam(name) for name in ("user", "hash", "label", "made", "expires", "read_only")}
    )


def _hashed() -> ClauseElement:
    return _JOINED.where(tokens.c.hash == bindparam("hash"))


def _identified() -> ClauseElement:
    return _JOINED.where(tokens.c.id == bindparam("number"))


def _all() -> ClauseElement:
    return _JOINED.order_by(users.c.name, tokens.c.id)


def _of_user() -> ClauseElement:
    return _JOINED.where(tokens.c.user == bindparam("user")).order_by(tokens.c.id)


def _count() -> ClauseElement:
    return select(func.count()).select_from(tokens).where(tokens.c.user == bindparam("user"))


def _remove() -> ClauseElement:
    return delete(tokens).where(tokens.c.id == bindparam("number"))


def _remove_all() -> ClauseElement:
    return delete(tokens).where(tokens.c.user == bindparam("user"))
