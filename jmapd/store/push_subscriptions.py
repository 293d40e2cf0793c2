"""PushSubscriptions: where clients want to be told of changes by POST (RFC 8620 section 7.2).

They belong to a user and the credential that they were made with, to no account. When one is destroyed, all that a client
has said of it is overwritten in the database; an empty row tells for a while that it was made.
"""

from __future__ import annotations

import secrets
from typing import Any

import attrs
import orjson
from sqlalchemy import bindparam, delete, func, insert, null, or_, select, update
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.database import Database
from jmapd.store.schema import push_subscriptions as table

UNVERIFIED_KEEP = 86_400_000
"""Milliseconds for which a client may not say the verification code."""

CREATIONS_KEEP = 3_600_000
"""Milliseconds for which it is known that one was made, though it may be gone."""

_CODE_OCTETS = 20


@attrs.frozen
class PushSubscription:
    """A PushSubscription.

    :param number: never given again.
    :param credential: of the principal who made it.
    :param keys: as the client gave them; ``None``: what is sent is not encrypted.
    :param types: the data types of interest; ``None`` is all.
    :param expires: milliseconds since 1970, as the client is told; ``None``: when the credential does.
    :param ends: when nothing is sent any more, in milliseconds since 1970.
    :param made: milliseconds since 1970.
    :param code: the verification code.
    :param code_sent: whether the code has been sent, or an attempt made of it.
    :param verified: whether the client has said the code.
    :param told: the pushState of what it is known to have been told.
    """

    number: int
    user: int
    credential: str
    device_client_id: str
    url: str = attrs.field(repr=False)
    keys: dict[str, str] | None = attrs.field(repr=False)
    types: list[str] | None
    expires: int | None
    ends: int
    made: int
    code: str = attrs.field(factory=lambda: secrets.token_hex(_CODE_OCTETS), repr=False)
    code_sent: bool = False
    verified: bool = False
    told: str = ""


def add(database: Database, subscription: PushSubscription) -> int:
    """Keep a new one; its number, whatever it had for one."""
    values = {name: value for name, value in _values(subscription).items() if name != "id"}
    with database.erasing():
        number = database.execute(_add, **values).lastrowid
    assert number is not None
    return number


def change(database: Database, subscription: PushSubscription) -> None:
    """Keep another state of one."""
    values = _values(subscription)
    given = {f"new_{name}": values[name] for name in _CHANGEABLE}
    with database.erasing():
        database.execute(_change, number=subscription.number, **given)


def of_credential(database: Database, user: int, credential: str, now: int) -> dict[int, PushSubscription]:
    """Those made with a credential that have not ended, by number."""
    rows = database.execute(_of_credential, user=user, credential=credential, now=now)
    return {one.number: one for one in map(_read, rows)}


def count(database: Database, user: int, now: int) -> int:
    """How many of a user have not ended."""
    row = database.execute(_count, user=user, now=now).fetchone()
    return int(row[0])


def count_made(database: Database, user: int, now: int) -> int:
    """How many a user has made within `CREATIONS_KEEP`, those that are gone too."""
    row = database.execute(_count_made, user=user, since=now - CREATIONS_KEEP).fetchone()
    return int(row[0])


def of_user(database: Database, user: int, now: int) -> list[PushSubscription]:
    """Those of a user that have not ended, whatever they were made with."""
    return [_read(row) for row in database.execute(_of_user, user=user, now=now)]


def users_with_some(database: Database, now: int) -> list[int]:
    """The users who have any that has not ended."""
    return [row[0] for row in database.execute(_users, now=now)]


def sending_code(database: Database, number: int) -> bool:
    """An attempt to send the verification code begins; false where one has been made, and another must not be."""
    with database.erasing():
        return bool(database.execute(_sending_code, number=number).rowcount)


def has_been_told(database: Database, number: int, told: str) -> None:
    """A StateChange was taken; of one that is gone nothing is noted."""
    with database.erasing():
        database.execute(_told, number=number, new_told=told)


def erase(database: Database, number: int) -> bool:
    """Destroy one; false where it was not there."""
    with database.erasing():
        return bool(database.execute(_erase, number=number).rowcount)


def erase_of(database: Database, user: int, credential: str | None) -> None:
    """Destroy those made with a credential that is good no more; ``None``: all of the user's."""
    with database.erasing():
        if credential is None:
            database.execute(_erase_of_user, the_user=user)
        else:
            database.execute(_erase_of_credential, the_user=user, the_credential=credential)


def remove_of(database: Database, user: int) -> None:
    """Leave nothing of those of a user who is no more."""
    with database.erasing():
        database.execute(_remove_of_user, user=user)


def sweep(database: Database, now: int, bound: int) -> list[int]:
    """Destroy those that have ended, and those whose code nobody has said for long, so many at most.

    :returns: for each its user.
    """
    rows = database.execute(_ended, now=now, before=now - UNVERIFIED_KEEP, bound=bound).fetchall()
    for number, _ in rows:
        erase(database, number)
    database.execute(_forget_creations, before=now - CREATIONS_KEEP)
    return [user for _, user in rows]


_CHANGEABLE = ("types", "expires", "ends", "verified", "told")


def _values(one: PushSubscription) -> dict[str, Any]:
    values = attrs.asdict(one)
    values["id"] = values.pop("number")
    for name in ("keys", "types"):
        values[name] = None if values[name] is None else orjson.dumps(values[name]).decode()
    return values


def _read(row: Any) -> PushSubscription:
    values = dict(zip(table.c.keys(), row, strict=True))
    for name in ("keys", "types"):
        values[name] = None if values[name] is None else orjson.loads(values[name])
    for name in ("code_sent", "verified"):
        values[name] = bool(values[name])
    return PushSubscription(number=values.pop("id"), **values)


def _add() -> ClauseElement:
    return insert(table).values({one.name: bindparam(one.name) for one in table.c if one.name != "id"})


def _change() -> ClauseElement:
    return (
        update(table)
        .where(table.c.id == bindparam("number"))
        .values({name: bindparam(f"new_{name}") for name in _CHANGEABLE})
    )


def _of_user() -> ClauseElement:
    return select(table).where(table.c.user == bindparam("user"), table.c.ends > bindparam("now")).order_by(table.c.id)


def _of_credential() -> ClauseElement:
    return (
        select(table)
        .where(
            table.c.user == bindparam("user"),
            table.c.credential == bindparam("credential"),
            table.c.ends > bindparam("now"),
        )
        .order_by(table.c.id)
    )


def _count() -> ClauseElement:
    own = (table.c.user == bindparam("user")) & (table.c.ends > bindparam("now"))
    return select(func.count()).select_from(table).where(own)


def _count_made() -> ClauseElement:
    own = (table.c.user == bindparam("user")) & (table.c.made > bindparam("since"))
    return select(func.count()).select_from(table).where(own)


def _users() -> ClauseElement:
    return select(table.c.user).where(table.c.ends > bindparam("now")).distinct()


_IS_THERE = table.c.url != ""


def _sending_code() -> ClauseElement:
    unsent = (table.c.id == bindparam("number")) & ~table.c.code_sent & _IS_THERE
    return update(table).where(unsent).values(code_sent=True)


def _told() -> ClauseElement:
    return update(table).where(table.c.id == bindparam("number"), _IS_THERE).values(told=bindparam("new_told"))


_NOTHING = {
    "credential": "",
    "device_client_id": "",
    "url": "",
    "keys": null(),
    "types": null(),
    "code": "",
    "told": "",
}


def _erase() -> ClauseElement:
    return update(table).where(table.c.id == bindparam("number"), _IS_THERE).values(**_NOTHING, ends=0)


def _erase_of_user() -> ClauseElement:
    return update(table).where(table.c.user == bindparam("the_user")).values(**_NOTHING, ends=0)


def _erase_of_credential() -> ClauseElement:
    own = (table.c.user == bindparam("the_user")) & (table.c.credential == bindparam("the_credential"))
    return update(table).where(own).values(**_NOTHING, ends=0)


def _remove_of_user() -> ClauseElement:
    return delete(table).where(table.c.user == bindparam("user"))


def _ended() -> ClauseElement:
    over = or_(table.c.ends <= bindparam("now"), ~table.c.verified & (table.c.made <= bindparam("before")))
    return select(table.c.id, table.c.user).where(_IS_THERE, over).limit(bindparam("bound"))


def _forget_creations() -> ClauseElement:
    return delete(table).where(~_IS_THERE, table.c.made <= bindparam("before"))
