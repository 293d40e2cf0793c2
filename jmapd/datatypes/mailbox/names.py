"""What a Mailbox may be called, and which roles there are (RFC 8621 section 2)."""

from __future__ import annotations

import unicodedata

ROLES = frozenset(
    {
        "all",
        "archive",
        "drafts",
        "flagged",
        "important",
        "inbox",
        "junk",
        "memos",
        "scheduled",
        "sent",
        "snoozed",
        "subscribed",
        "trash",
    }
)
"""The IMAP Mailbox Name Attributes registry, in lower case."""

USUAL = (
    ("Inbox", "inbox"),
    ("Drafts", "drafts"),
    ("Sent", "sent"),
    ("Archive", "archive"),
    ("Junk", "junk"),
    ("Trash", "trash"),
)
"""The Mailboxes of a new account, in the order they are sorted."""

MAX_NAME = 255
"""Octets of a name."""

MAX_DEPTH = 10
"""Mailboxes above each other."""


def normalized(name: str) -> str | None:
    """The name in Net-Unicode (RFC 5198), or ``None`` where it cannot be a Mailbox's."""
    name = unicodedata.normalize("NFC", name)
    if not name.strip() or len(name.encode()) > MAX_NAME:
        return None
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        return None
    return name
