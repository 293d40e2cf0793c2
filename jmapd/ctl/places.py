"""Which Mailbox a folder becomes."""

from __future__ import annotations

import base64
import re

from jmapd.ctl.found import Place

_ROLES = {
    "inbox": ("Inbox", "inbox"),
    "drafts": ("Drafts", "drafts"),
    "draft": ("Drafts", "drafts"),
    "sent": ("Sent", "sent"),
    "sent items": ("Sent", "sent"),
    "sent messages": ("Sent", "sent"),
    "sent mail": ("Sent", "sent"),
    "sent-mail": ("Sent", "sent"),
    "trash": ("Trash", "trash"),
    "deleted items": ("Trash", "trash"),
    "deleted messages": ("Trash", "trash"),
    "junk": ("Junk", "junk"),
    "junk e-mail": ("Junk", "junk"),
    "spam": ("Junk", "junk"),
    "archive": ("Archive", "archive"),
    "archives": ("Archive", "archive"),
}
# where some IMAP servers keep everything; nobody wants Inbox/Sent beside Sent
_ABOVE_ALL = ("inbox", "[gmail]", "[google mail]")
_ENCODED = re.compile(r"&([A-Za-z0-9+,]*)-")


def place(path: tuple[str, ...]) -> Place:
    """The Mailbox of a folder's path; one with a well-known name is the account's own of that role."""
    if len(path) > 1 and path[0].lower() in _ABOVE_ALL:
        return place(path[1:])
    if len(path) == 1 and (known := _ROLES.get(path[0].lower())):
        return Place((known[0],), known[1])
    return Place(path or ("Inbox",), None if path else "inbox")


def decode_name(name: str) -> str:
    """A folder's name out of IMAP's modified UTF-7 (RFC 3501 section 5.1.3), or as it is where it is none."""
    try:
        return _ENCODED.sub(lambda match: _decoded(match[1]), name)
    except ValueError:
        return name


def _decoded(text: str) -> str:
    if not text:
        return "&"
    octets = base64.b64decode(text.replace(",", "/") + "=" * (-len(text) % 4), validate=True)
    return octets.decode("utf-16-be")
