"""A Mailbox is subscribed or not for each user by themselves, whoever shares it with them (RFC 8621 section 2)."""

from __future__ import annotations

import attrs

from jmapd.methods.context import Context, Scope
from jmapd.store import accounts, mailboxes
from jmapd.store.mailboxes import MailboxRow


def rows_seen(context: Context, scope: Scope) -> dict[int, MailboxRow]:
    """All Mailboxes of an account by their number, as the user sees them."""
    rows = mailboxes.all_of(context.store.database, scope.number)
    if scope.access.personal:
        return rows
    chosen = accounts.subscribed(context.store.database, scope.number, context.user)
    return {number: attrs.evolve(row, subscribed=number in chosen) for number, row in rows.items()}


def subscribe(context: Context, scope: Scope, row: MailboxRow) -> None:
    """Keep whether the user is subscribed to a Mailbox."""
    database, account = context.store.database, scope.number
    if scope.access.personal:
        mailboxes.subscribe(database, account, row.id, subscribed=row.subscribed)
        return
    others = accounts.subscribed(database, account, context.user) - {row.id}
    chosen = others | {row.id} if row.subscribed else others
    accounts.subscribe(database, account, context.user, chosen & mailboxes.all_of(database, account).keys())
