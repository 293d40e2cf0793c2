"""Messages that wait to be sent to other servers, whatever becomes of the objects that they were sent by."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import bindparam, delete, insert
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.database import Database
from jmapd.store.schema import queue


def add(database: Database, account: int, number: int, *, blob: bytes, envelope: dict[str, Any], now: int) -> None:
    """Have a message wait.

    :param number: tells it from others of its account; the submission's, where there is one.
    :param blob: the message, as it was submitted.
    :param envelope: to those recipients who are to get it from here, as JMAP's Envelope.
    :param now: milliseconds since 1970.
    """
    data = orjson.dumps(envelope)
    database.execute(_add, account=account, id=number, blob=blob, envelope=data, queued_at=now)


def cancel(database: Database, account: int, number: int) -> None:
    """Have a message wait no more, and not be sent."""
    database.execute(_cancel, account=account, id=number)


def _add() -> ClauseElement:
    return insert(queue)


def _cancel() -> ClauseElement:
    return delete(queue).where((queue.c.account == bindparam("account")) & (queue.c.id == bindparam("id")))
