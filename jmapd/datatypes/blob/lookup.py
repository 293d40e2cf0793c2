"""Blob/lookup: which objects refer to blobs (RFC 9404 section 4.3)."""

from __future__ import annotations

from typing import Any

from jmapd.datatypes.blob.capability import TYPE_NAMES
from jmapd.datatypes.blob.find import visible
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.registry import Method
from jmapd.protocol.capabilities import BLOB, MAIL
from jmapd.protocol.errors import MethodError, invalid_arguments
from jmapd.store import emails
from jmapd.store.blobs import Piece
from jmapd.store.emails import email_id
from jmapd.store.mailboxes import mailbox_id
from jmapd.store.threads import thread_id


def run(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Blob/lookup."""
    arguments.refuse_others(("accountId", "typeNames", "ids"))
    scope = context.scope(arguments)
    names, ids = arguments.names("typeNames"), arguments.ids("ids")
    if names is None or ids is None:
        raise invalid_arguments("typeNames and ids must be arrays.")
    if len(ids) > context.limits.max_objects_in_get:
        raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_get} blobs at once.")
    if not set(names) <= set(TYPE_NAMES) or (names and MAIL not in context.using):
        raise MethodError("unknownDataType", f"Types that refer to blobs are {', '.join(TYPE_NAMES)}.")
    found: dict[str, Piece] = {}
    not_found = []
    for id in ids:
        blob = visible(context, scope, id)
        if blob is None:
            not_found.append(id)
        else:
            found[blob[0].id] = blob[0]
    return {
        "accountId": scope.access.id,
        "list": [{"id": id, "matchedIds": _matched(context, scope, piece, names)} for id, piece in found.items()],
        "notFound": not_found,
    }


METHOD = Method("Blob/lookup", BLOB, writes=False, run=run)


def _matched(context: Context, scope: Scope, piece: Piece, names: list[str]) -> dict[str, list[str]]:
    database = context.store.database
    numbers = emails.with_blob(database, scope.number, piece.hash)
    if piece.length is not None:
        # a part's Id names its message's blob: whether it is one of the parts that the Email has is told by those
        id = f'"{piece.id}"'.encode()
        numbers = [number for number, body in emails.bodies(database, numbers).items() if id in body]
    found = emails.mutable(database, numbers).values()
    matched = {
        "Email": {email_id(one.id): None for one in found},
        "Thread": {thread_id(one.thread): None for one in found},
        "Mailbox": {mailbox_id(mailbox): None for one in found for mailbox in sorted(one.mailboxes)},
    }
    return {name: list(matched[name]) for name in names}
