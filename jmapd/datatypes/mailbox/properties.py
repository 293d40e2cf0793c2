"""The properties of a Mailbox, as a client sees them (RFC 8621 section 2)."""

from __future__ import annotations

from typing import Any

from jmapd.store.mailboxes import MailboxRow, mailbox_id

COUNT_PROPERTIES = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")

PROPERTIES = ("id", "name", "parentId", "role", "sortOrder", *COUNT_PROPERTIES, "myRights", "isSubscribed")


def rights(row: MailboxRow, *, read_only: bool) -> dict[str, bool]:
    """What the user may do with a Mailbox; the inbox stays."""
    may = not read_only
    return {
        "mayReadItems": True,
        "mayAddItems": may,
        "mayRemoveItems": may,
        "maySetSeen": may,
        "maySetKeywords": may,
        "mayCreateChild": may,
        "mayRename": may,
        "mayDelete": may and row.role != "inbox",
        "maySubmit": may,
    }


def shown(row: MailboxRow, *, read_only: bool) -> dict[str, Any]:
    """All properties of a Mailbox."""
    return {
        "id": mailbox_id(row.id),
        "name": row.name,
        "parentId": None if row.parent is None else mailbox_id(row.parent),
        "role": row.role,
        "sortOrder": row.sort_order,
        "totalEmails": row.total_emails,
        "unreadEmails": row.unread_emails,
        "totalThreads": row.total_threads,
        "unreadThreads": row.unread_threads,
        "myRights": rights(row, read_only=read_only),
        "isSubscribed": bool(row.subscribed),
    }
