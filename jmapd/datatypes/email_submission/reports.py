"""What reports about a message that was sent add to its EmailSubmission (RFC 8621 section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jmapd.datatypes.email_submission.record import NAME
from jmapd.message import mdn
from jmapd.methods.context import Context, Scope
from jmapd.store import objects, submitted
from jmapd.store.blobs import blob_id

MAX_REPORTS = 1000
"""MDNs that one submission lists."""


def note_mdn(context: Context, scope: Scope, blob: bytes, notification: Mapping[str, Any]) -> None:
    """An MDN has been delivered to an account: the submissions that it is about tell of it.

    :param blob: the hash of its message.
    :param notification: `jmapd.datatypes.email.reading.Reading`'s ``mdn``.
    """
    database = context.store.database
    message_id, recipients = mdn.original_message_id(notification), mdn.recipients(notification)
    numbers = submitted.of_message(database, scope.number, message_id) if message_id else []
    rows = objects.some_of(database, scope.number, NAME, numbers)
    to_them = {number: row for number, row in rows.items() if recipients & {*map(str.casefold, row["deliveryStatus"])}}
    # whoever has it may be somebody else than those it was sent to, who had it forwarded
    for number, row in (to_them or rows).items():
        if len(row["mdnBlobIds"]) < MAX_REPORTS:
            row["mdnBlobIds"].append(blob_id(blob))
            submitted.keep_report(database, scope.number, number, blob)
            if notification["disposition"]["type"] == "displayed":
                _displayed(row["deliveryStatus"], recipients)
            objects.put(database, scope.number, NAME, number, row)
            scope.changes.updated(NAME, number)


def _displayed(statuses: dict[str, dict[str, Any]], recipients: set[str]) -> None:
    for email, status in statuses.items():
        if email.casefold() in recipients:
            status["displayed"] = "yes"
