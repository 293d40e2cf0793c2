"""MDN/parse (RFC 9007 section 2.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from jmapd.datatypes.email.prepare import Sight, parsed_mdn, wanted_parse_mdn
from jmapd.datatypes.email.set import require, result
from jmapd.datatypes.email_submission.record import NAME as EMAIL_SUBMISSION
from jmapd.message.mdn import original_message_id
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, PreparedMessage, Scope
from jmapd.methods.registry import Method
from jmapd.protocol.capabilities import MDN
from jmapd.protocol.errors import MethodError, SetError, invalid_arguments
from jmapd.store import emails, objects, submitted
from jmapd.store.emails import email_id, email_number


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
    _find_emails(context, scope, found.values())
    return {
        "accountId": scope.access.id,
        "parsed": found or None,
        "notParsable": not_parsable or None,
        "notFound": not_found or None,
    }


METHOD = Method("MDN/parse", MDN, writes=False, run=run)


def _find_emails(context: Context, scope: Scope, mdns: Iterable[dict[str, Any]]) -> None:
    """Say of each MDN which Email it is about: the one submitted, else the only one that has the Message-ID."""
    database, about = context.store.database, [(mdn, original_message_id(mdn)) for mdn in mdns]
    sought = {message_id for _, message_id in about if message_id}
    found = {message_id: email for message_id in sought if (email := _submitted(context, scope, message_id))}
    if rest := sought - found.keys():
        others = emails.with_message_ids(database, scope.number, rest)
        found |= {message_id: email_id(numbers[0]) for message_id, numbers in others.items() if len(numbers) == 1}
    for mdn, message_id in about:
        mdn["forEmailId"] = found.get(message_id or "")


def _submitted(context: Context, scope: Scope, message_id: str) -> str | None:
    """The Email that has been submitted last with a Message-ID, if it is there."""
    database = context.store.database
    numbers = submitted.of_message(database, scope.number, message_id)
    rows = objects.some_of(database, scope.number, EMAIL_SUBMISSION, numbers)
    ids: list[str] = [rows[number]["emailId"] for number in numbers if number in rows]
    there = emails.mutable(database, [number for id in ids if (number := email_number(scope.number, id)) is not None])
    return next((id for id in ids if email_number(scope.number, id) in there), None)


def _read(context: Context, scope: Scope, blob_id: str) -> PreparedMessage:
    if context.writing:
        return result(context, wanted_parse_mdn(context, scope, blob_id))
    return parsed_mdn(Sight(context.store, scope.number, context.user), blob_id)
