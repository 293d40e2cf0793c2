"""Where the mail of a recipient goes; what goes to accounts of this server is delivered to them at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from jmapd.datatypes.email.add import NewEmail, add_email
from jmapd.datatypes.email.reading import Reading
from jmapd.datatypes.email_submission.envelope import Envelope
from jmapd.datatypes.email_submission.reports import note_mdn
from jmapd.methods.context import Context, PreparedMessage, Scope
from jmapd.store import accounts, mailboxes, queue
from jmapd.store.accounts import Access
from jmapd.store.counts import Counts
from jmapd.store.database import Database


@attrs.frozen
class Route:
    """What becomes of the mail for one recipient.

    :param account: that it is delivered to; ``None`` where it is not delivered here.
    :param is_pending: whether it waits to be sent to another server.
    :param is_full: whether the account has no room for it.
    """

    account: Access | None
    is_pending: bool
    is_full: bool = False

    def status(self) -> dict[str, Any]:
        """The DeliveryStatus."""
        if self.is_full:
            reply, delivered = "552 5.2.2 The mailbox is full", "no"
        elif self.account is not None:
            reply, delivered = "250 2.1.5 Delivered", "yes"
        elif self.is_pending:
            reply, delivered = "250 2.0.0 Waits to be sent", "queued"
        else:
            reply, delivered = "550 5.1.1 There is no such mailbox here", "no"
        return {"smtpReply": reply, "delivered": delivered, "displayed": "unknown"}


def routes(database: Database, recipients: Iterable[str]) -> dict[str, Route]:
    """For each recipient where their mail goes.

    What is addressed to a domain that accounts here have is this server's to deliver.
    """
    found: dict[str, Route] = {}
    domains: set[str] | None = None
    for email in recipients:
        account = accounts.named(database, email)
        if account is None and domains is None:
            domains = accounts.domains(database)
        is_ours = account is not None or email.casefold().rpartition("@")[2] in (domains or ())
        found[email] = Route(account, is_pending=not is_ours)
    return found


def deliver(context: Context, account: Access, message: PreparedMessage) -> None:
    """Put a message into the Inbox of an account, whosever it is.

    :raises SetError: ``overQuota`` where it has no room.
    """
    database = context.store.database
    scope = context.scope_of(account)
    rows = mailboxes.all_of(database, scope.number)
    inbox = next(row.id for row in rows.values() if row.role == "inbox")
    counts = Counts(database, scope.changes, mailboxes.trash_of(rows))
    context.add_blob(message.hash, message.size, message.data)
    reading = Reading.unpack(message.reading)
    new = NewEmail(message.hash, message.size, reading, frozenset((inbox,)), frozenset(), context.this_second)
    add_email(context, scope, counts, new)
    counts.save()
    if reading.mdn is not None:
        note_mdn(context, scope, message.hash, reading.mdn)


def send_from_nobody(context: Context, scope: Scope, route: Route, to: str, message: PreparedMessage) -> None:
    """Send what the server has written in the name of an account, so that nothing comes back: no report, no reply.

    :param scope: the account.
    :param route: where the mail for ``to`` goes.
    :raises SetError: ``overQuota`` where it is an account of this server, and has no room.
    """
    if route.account is not None:
        deliver(context, route.account, message)
    elif route.is_pending:
        context.add_blob(message.hash, message.size, message.data)
        # there is no sender whom somebody could tell that it did not arrive (RFC 3834 section 3.3, RFC 8098 section 3)
        envelope = Envelope("", (to,)).to_json()
        number = scope.changes.next()
        scope.changes.keep_modseq()
        queue.add(context.store.database, scope.number, number, blob=message.hash, envelope=envelope, now=context.now)
