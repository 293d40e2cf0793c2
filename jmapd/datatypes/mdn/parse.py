"""MDN/parse (RFC 9007 section 2.2)."""

from __future__ import annotations

from typing import Any

import orjson

from jmapd.datatypes.email.prepare import Sight, parsed_mdn, wanted_parse_mdn
from jmapd.datatypes.email.set import require, result
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, PreparedMessage, Scope
from jmapd.methods.registry import Method
from jmapd.protocol.capabilities import MDN
from jmapd.protocol.errors import MethodError, SetError, invalid_arguments


def run(context: Context, arguments: Arguments) -> dict[str, Any]:
    """MDN/parse."""
    arguments.refuse_others(("accountId", "blobIds"))
    try:
        scope = context.scope(arguments)
    except MethodError as error:
        raise invalid_arguments("There is no such account.") if error.type == "accountNotFound" else error from None
    given = arguments.ids("blobIds")
    if given is None:
        raise invalid_arguments("blobIds must be an array of Ids.")
    if len(given) > context.limits.max_objects_in_get:
        raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_get} messages at once.")
    blob_ids = [context.referred(one) or one for one in given]
    if context.writing:
        require(context, [wanted_parse_mdn(context, scope, one) for one in blob_ids])
    found: dict[str, Any] = {}
    not_parsable: list[str] = []
    not_found: list[str] = []
    for blob_id in blob_ids:
        try:
            found[blob_id] = orjson.loads(_read(context, scope, blob_id).reading)
        except SetError as error:
            (not_found if error.type == "blobNotFound" else not_parsable).append(blob_id)
    return {
        "accountId": scope.access.id,
        "parsed": found or None,
        "notParsable": not_parsable or None,
        "notFound": not_found or None,
    }


METHOD = Method("MDN/parse", MDN, writes=False, run=run)


def _read(context: Context, scope: Scope, blob_id: str) -> PreparedMessage:
    if context.writing:
        return result(context, wanted_parse_mdn(context, scope, blob_id))
    return parsed_mdn(Sight(context.store, scope.number, context.user), blob_id)
