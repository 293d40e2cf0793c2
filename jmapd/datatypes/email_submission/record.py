"""What an EmailSubmission is called, and its Ids."""

from __future__ import annotations

from jmapd.protocol import ids
from jmapd.store import submitted

NAME = submitted.TYPE
ID_PREFIX = "s"


def submission_id(number: int) -> str:
    """The EmailSubmission's Id."""
    return ids.numbered(ID_PREFIX, number)


def submission_number(account: int, id: str) -> int | None:
    """The number of an EmailSubmission's Id, or ``None`` where it cannot be one."""
    return ids.number(ID_PREFIX, id)
