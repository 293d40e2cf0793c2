"""MDN/send (RFC 9007 section 2.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from jmapd.datatypes import identity
from jmapd.datatypes.email.prepare import wanted_mdn
from jmapd.datatypes.email.set import require, result
from jmapd.datatypes.email_submission import envelope
from jmapd.datatypes.email_submission.deliver import Route, routes, send_from_nobody
from jmapd.datatypes.objects import check, is_boolean, is_string_or_null
from jmapd.message.headers import as_addresses
from jmapd.message.mdn import DISPOSITIONS
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope, Wanted
from jmapd.methods.registry import Method
from jmapd.protocol.capabilities import MAIL, MDN
from jmapd.protocol.errors import MethodError, SetError, invalid_arguments, invalid_properties
from jmapd.store import emails, objects
from jmapd.store.blobs import Piece
from jmapd.store.emails import Mutable, email_number

KEYWORD = "$mdnsent"

_ARGUMENTS = ("accountId", "identityId", "send", "onSuccessUpdateEmail")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,100}\Z")
_DEFAULTS: dict[str, Any] = {
    "subject": None,
    "textBody": None,
    "includeOriginalMessage": False,
    "reportingUA": None,
    "finalRecipient": None,
    "extensionFields": None,
}


def _is_disposition(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == DISPOSITIONS.keys()
        and all(value[name] in allowed for name, allowed in DISPOSITIONS.items())
    )


def _are_fields(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict) and all(_FIELD_NAME.match(name) and isinstance(one, str) for name, one in value.items())
    )


_KINDS: dict[str, Callable[[Any], bool]] = {
    "forEmailId": lambda value: isinstance(value, str),
    "subject": is_string_or_null,
    "textBody": is_string_or_null,
    "includeOriginalMessage": is_boolean,
    "reportingUA": is_string_or_null,
    "disposition": _is_disposition,
    "finalRecipient": is_string_or_null,
    "extensionFields": _are_fields,
}


@attrs.frozen
class Plan:
    """An MDN that is to be sent.

    :param told: what the client has not said of it.
    """

    email: Mutable
    to: str
    route: Route
    message: Wanted
    told: Mapping[str, Any]


def run(context: Context, arguments: Arguments) -> dict[str, Any]:
    """MDN/send."""
    arguments.refuse_others(_ARGUMENTS)
    scope = _scope(context, arguments)
    sender = _sender(context, scope, arguments.required("identityId"))
    arguments.required("send")
    wanted, updates = arguments.objects("send"), arguments.objects("onSuccessUpdateEmail")
    if len(wanted) > context.limits.max_objects_in_set:
        raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_set} MDNs at once.")
    for creation_id in wanted:
        if not _marks(updates.get(f"#{creation_id}", {})):
            raise invalid_arguments(f"onSuccessUpdateEmail must set {KEYWORD} for each MDN that is sent.")
    plans: dict[str, Plan | SetError] = {}
    for creation_id, mdn in wanted.items():
        try:
            plans[creation_id] = _plan(context, scope, sender, mdn)
        except SetError as error:
            plans[creation_id] = error
    require(context, [one.message for one in plans.values() if isinstance(one, Plan)])
    sent: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    update: dict[str, Any] = {}
    for creation_id, plan in plans.items():
        try:
            if isinstance(plan, SetError):
                raise plan
            send_from_nobody(context, scope, plan.route, plan.to, result(context, plan.message))
        except SetError as error:
            refused[creation_id] = error.to_json()
        else:
            sent[creation_id] = plan.told
            update[emails.email_id(plan.email.id)] = updates[f"#{creation_id}"]
    if update:
        context.implicit.append(("Email/set", {"accountId": scope.access.id, "update": update}))
    return {"accountId": scope.access.id, "sent": sent or None, "notSent": refused or None}


METHOD = Method("MDN/send", MDN, writes=True, run=run)


def _scope(context: Context, arguments: Arguments) -> Scope:
    if MAIL not in context.using:
        raise invalid_arguments(f"MDN/send needs {MAIL} in using.")
    try:
        return context.scope(arguments, write=True)
    except MethodError as error:
        raise invalid_arguments("There is no such account.") if error.type == "accountNotFound" else error from None


def _sender(context: Context, scope: Scope, given: Any) -> str:
    """The address of the Identity."""
    id = context.referred(given) if isinstance(given, str) else None
    number = None if id is None else identity.identity_number(scope.number, id)
    numbers = [] if number is None else [number]
    for row in objects.some_of(context.store.database, scope.number, identity.NAME, numbers).values():
        return str(row["email"])
    raise invalid_arguments("There is no such Identity.")


def _marks(update: Mapping[str, Any]) -> bool:
    """Whether a PatchObject says that an MDN has been sent."""
    keywords = update.get("keywords")
    return update.get(f"keywords/{KEYWORD}") is True or (isinstance(keywords, dict) and keywords.get(KEYWORD) is True)


def _plan(context: Context, scope: Scope, sender: str, mdn: dict[str, Any]) -> Plan:
    """What is to be sent, or the `SetError` that says why it cannot be."""
    check(mdn, _KINDS, fixed={})
    missing = sorted({"forEmailId", "disposition"} - mdn.keys())
    if missing:
        raise invalid_properties("An MDN has these.", *missing)
    whole = {**_DEFAULTS, **mdn}
    if whole["finalRecipient"] is None:
        whole["finalRecipient"] = f"rfc822; {sender}"
    elif whole["finalRecipient"].rpartition(";")[2].strip().casefold() != sender.casefold():
        raise SetError("forbiddenFrom", f"The final recipient is {sender}.")
    email, headers = _email(context, scope, mdn["forEmailId"])
    if KEYWORD in email.keywords:
        raise SetError("mdnAlreadySent", "An MDN has been sent for this Email.")
    asked = _last(headers, "disposition-notification-to")
    addresses = [] if asked is None else [one["email"] or "" for one in as_addresses(asked)]
    if len(addresses) != 1 or not envelope.is_valid(addresses[0]):
        raise SetError("notFound", "Nobody asks for an MDN of this Email.")
    for name, field in (("originalRecipient", "original-recipient"), ("originalMessageId", "message-id")):
        value = _last(headers, field)
        whole[name] = None if value is None else value.strip()
    (to,) = addresses
    (route,) = routes(context.store.database, [to]).values()
    message = wanted_mdn(context, scope, Piece(email.blob).id, whole, sender, to)
    told = {name: value for name, value in whole.items() if name not in mdn}
    return Plan(email, to, route, message, told)


def _email(context: Context, scope: Scope, given: str) -> tuple[Mutable, list[dict[str, str]]]:
    """An Email, and its header."""
    id = context.referred(given)
    number = None if id is None else email_number(scope.number, id)
    numbers = [] if number is None else [number]
    for email in emails.mutable(context.store.database, numbers).values():
        return email, emails.headers(context.store.database, email.id)
    raise SetError("notFound")


def _last(headers: list[dict[str, str]], name: str) -> str | None:
    return next((one["value"] for one in reversed(headers) if one["name"].lower() == name), None)
