"""Small objects of types that need no table of their own: kept as JSON, by account, type and number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, select
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.database import Database
from jmapd.store.schema import objects
from jmapd.store.sqlite import insert, listed

Object = dict[str, Any]


def all_of(database: Database, account: int, type: str) -> dict[int, Object]:
    """All objects of a type by their number, the oldest first."""
    return _read(database.execute(_all, account=account, type=type))


def some_of(database: Database, account: int, type: str, numbers: Iterable[int]) -> dict[int, Object]:
    """Those objects with these numbers that there are."""
    return _read(database.execute(_some, account=account, type=type, ids=orjson.dumps(list(numbers)).decode()))


def put(database: Database, account: int, type: str, number: int, value: Object) -> None:
    """Keep an object, in place of what was there."""
    database.execute(_put, account=account, type=type, id=number, data=orjson.dumps(value))


def remove(database: Database, account: int, type: str, number: int) -> None:
    """Forget an object."""
    database.execute(_remove, account=account, type=type, id=number)


def _read(rows: Iterable[tuple[int, bytes]]) -> dict[int, Object]:
    return {number: orjson.loads(data) for number, data in rows}


def _all() -> ClauseElement:
    return (
        select(objects.c.id, objects.c.data)
        .where((objects.c.account == bindparam("account")) & (objects.c.type == bindparam("type")))
        .order_by(objects.c.id)
    )


def _some() -> ClauseElement:
    return select(objects.c.id, objects.c.data).where(
        (objects.c.account == bindparam("account"))
        & (objects.c.type == bindparam("type"))
        & objects.c.id.in_(listed("ids"))
    )


def _put() -> ClauseElement:
    statement = insert(objects)
    return statement.on_conflict_do_update(
        index_elements=[objects.c.account, objects.c.type, objects.c.id], set_={"data": statement.excluded.data}
    )


def _remove() -> ClauseElement:
    return delete(objects).where(
        (objects.c.account == bindparam("account"))
        & (objects.c.type == bindparam("type"))
        & (objects.c.id == bindparam("id"))
    )
