"""Replying while somebody is away: decided where their mail is delivered (RFC 8621 section 8, RFC 3834)."""

from __future__ import annotations

from typing import Any

import attrs

from jmapd.datatypes import identity
from jmapd.datatypes.email.prepare import wanted_reply
from jmapd.datatypes.email_submission.deliver import Route, routes, send_from_nobody
from jmapd.datatypes.vacation_response.type import read
from jmapd.message.auto_reply import may_answer
from jmapd.methods.context import Context, PreparedMessage, Scope, Wanted
from jmapd.protocol.dates import parse_utc_date
from jmapd.protocol.errors import SetError
from jmapd.store import objects, replies
from jmapd.store.accounts import Access
from jmapd.store.database import Database


@attrs.frozen
class Reply:
    """A reply that may be due; a reader that sees the message says whether it is.

    :param account: of who is away.
    :param sender: who wrote to them.
    """

    account: Access
    sender: str
    route: Route
    message: Wanted


def plan(context: Context, scope: Scope, account: Access, blob_id: str, sender: str) -> Reply | None:
    """The reply to a message that is to be delivered, if the one it is for is away.

    :param scope: the account in which the message is read.
    :param account: that it is delivered to.
    :param sender: the envelope's; empty for none.
    """
    database = context.store.database
    if not may_answer(sender, account.name):
        return None
    response = read(database, account.account)
    if not _is_away(response, context.now) or replies.was_answered(database, account.account, sender, context.now):
        return None
    (route,) = routes(database, [sender]).values()
    if route.account is None and not route.is_pending:
        return None
    name = _name(database, account.account)
    message = wanted_reply(context, scope, blob_id, response, sender=sender, own=account.name, name=name)
    return Reply(account, sender, route, message)


def send(context: Context, reply: Reply) -> None:
    """Send a reply whose message has been delivered, if it is due."""
    database, account = context.store.database, reply.account.account
    message = context.prepared[reply.message.key]
    if not isinstance(message, PreparedMessage) or replies.was_answered(database, account, reply.sender, context.now):
        return
    replies.note(database, account, reply.sender, context.now)
    try:
        send_from_nobody(context, context.scope_of(reply.account), reply.route, reply.sender, message)
    except SetError:
        # the sender has no room for it, and nobody is to be told
        return


def _is_away(response: objects.Object, now: int) -> bool:
    since, until = (parse_utc_date(response[name]) for name in ("fromDate", "toDate"))
    return response["isEnabled"] and (since is None or since <= now) and (until is None or now < until)


def _name(database: Database, account: int) -> str:
    """The name of who is away: that of the Identity which each account keeps."""
    rows: Any = objects.all_of(database, account, identity.NAME).values()
    return next((row["name"] for row in rows if not row["mayDelete"]), "")
