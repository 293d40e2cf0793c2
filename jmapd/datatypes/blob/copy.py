"""Blob/copy: blobs of one account in another, without sending them through the client (RFC 8620 section 6.3)."""

from __future__ import annotations

from typing import Any

from jmapd.datatypes.blob.find import visible
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context
from jmapd.methods.copy import scopes
from jmapd.methods.registry import Method
from jmapd.protocol.capabilities import CORE
from jmapd.protocol.errors import MethodError, SetError, invalid_arguments
from jmapd.store import uploads


def run(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Blob/copy."""
    arguments.refuse_others(("fromAccountId", "accountId", "blobIds"))
    source, scope = scopes(context, arguments)
    ids = arguments.ids("blobIds")
    if ids is None:
        raise invalid_arguments("blobIds must be an array of Ids.")
    if len(ids) > context.limits.max_objects_in_set:
        raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_set} blobs at once.")
    copied: dict[str, str] = {}
    refused: dict[str, Any] = {}
    for id in ids:
        found = visible(context, source, id)
        if found is None:
            refused[id] = SetError("notFound").to_json()
            continue
        # a part is kept by keeping the whole that it is a part of
        database, hash = context.store.database, found[0].hash
        uploads.keep(
            database,
            context.uploads,
            account=scope.number,
            user=context.user,
            blob=hash,
            size=context.store.blobs.size(database, hash) or 0,
            now=context.now,
            prepared=None,
        )
        copied[id] = found[0].id
    return {
        "fromAccountId": source.access.id,
        "accountId": scope.access.id,
        "copied": copied or None,
        "notCopied": refused or None,
    }


METHOD = Method("Blob/copy", CORE, writes=True, run=run)
