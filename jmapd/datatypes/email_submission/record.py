"""The record of a submission: its Id, and what reports about its message add to it (RFC 8621 section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jmapd.message.headers import as_message_ids
from jmapd.methods.context import Context, Scope
from jmapd.protocol import ids
from jmapd.store import objects, submitted
from jmapd.store.blobs import blob_id

NAME = "EmailSubmission"
ID_PREFIX = "s"

MAX_REPORTS = 1000
"""MDNs that one submission lists."""


def submission_id(number: int) -> str:
    """The EmailSubmission's Id."""
    return ids.numbered(ID_PREFIX, number)


def submission_number(account: int, id: str) -> int | None:
    """The number of an EmailSubmission's Id, or ``None`` where it cannot be one."""
    return ids.number(ID_PREFIX, id)


def message_id_of(mdn: Mapping[str, Any]) -> str | None:
    """The Message-ID of the message that an MDN is about, without its angle brackets."""
    found = as_message_ids(mdn["originalMessageId"] or "")
    return found[0] if found else None


def note_mdn(context: Context, scope: Scope, blob: bytes, mdn: Mapping[str, Any]) -> None:
    """An MDN has been delivered to an account: the submissions that it is about tell of it.

    :param blob: the hash of its message.
    :param mdn: the MDN object.
    """
    database = context.store.database
    message_id = message_id_of(mdn)
    numbers = submitted.of_message(database, scope.number, message_id) if message_id else []
    if not numbers:
        return
    recipients = {_address(mdn[name]) for name in ("originalRecipient", "finalRecipient")}
    rows = objects.some_of(database, scope.number, NAME, numbers)
    to_them = {number: row for number, row in rows.items() if recipients & {*map(str.casefold, row["deliveryStatus"])}}
    # who has it may be somebody else than who it was sent to, who has had it forwarded
    for number, row in (to_them or rows).items():
        if len(row["mdnBlobIds"]) < MAX_REPORTS:
            row["mdnBlobIds"].append(blob_id(blob))
            submitted.keep_report(database, scope.number, number, blob)
            if mdn["disposition"]["type"] == "displayed":
                _displayed(row["deliveryStatus"], recipients)
            objects.put(database, scope.number, NAME, number, row)
            scope.changes.updated(NAME, number)


def _displayed(statuses: dict[str, dict[str, Any]], recipients: set[str]) -> None:
    for email, status in statuses.items():
        if email.casefold() in recipients:
            status["displayed"] = "yes"


def _address(recipient: str | None) -> str:
    """The address of a recipient field, which begins with its type (RFC 8098 section 3.2.4)."""
    return (recipient or "").rpartition(";")[2].strip().casefold()
