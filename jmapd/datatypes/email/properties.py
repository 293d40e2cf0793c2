"""The properties of an Email, and how those that never change are kept ready (RFC 8621 section 4.1).

``metadata`` and ``body`` are kept as lines of JSON text, a member (name and value) on each, in the orders given here.
What a client asks for is put together from lines, without reading any JSON. A JSON text made by orjson has no line
feed in it, so the lines are told apart by that alone.
"""

from __future__ import annotations

from typing import Any

import orjson

from jmapd.message.headers import FORMS, header_property

METADATA = (
    "id",
    "threadId",
    "receivedAt",
    "blobId",
    "size",
    "messageId",
    "inReplyTo",
    "references",
    "sender",
    "from",
    "to",
    "cc",
    "bcc",
    "replyTo",
    "subject",
    "sentAt",
    "hasAttachment",
    "preview",
)
"""The lines of ``metadata``; the first three are known when the Email is stored, the rest of its message alone."""

BODY = ("textBody", "htmlBody", "attachments", "headers")
"""The first lines of ``body``; the last one is the whole part tree, for what else is asked."""

MUTABLE = ("mailboxIds", "keywords")

PROPERTIES = (*METADATA, *MUTABLE, *BODY, "bodyStructure", "bodyValues")

DEFAULT = tuple(name for name in PROPERTIES if name not in ("headers", "bodyStructure"))
"""What Email/get gives unasked (section 4.2)."""

DEFAULT_BODY = (
    "partId",
    "blobId",
    "size",
    "name",
    "type",
    "charset",
    "disposition",
    "cid",
    "language",
    "location",
)
"""The default ``bodyProperties`` (section 4.2)."""

BODY_PROPERTIES = frozenset({*DEFAULT_BODY, "headers", "subParts"})


def is_header_property(name: str) -> bool:
    """Whether a name is a ``header:…`` property in a form that the field may have."""
    return header_property(name) is not None


def is_property(name: str) -> bool:
    """Whether a name is a property of Email."""
    return name in PROPERTIES or is_header_property(name)


def header_value(headers: list[dict[str, str]], name: str) -> Any:
    """The value of a ``header:…`` property.

    :param headers: a part's fields, as its ``headers`` property has them.
    """
    wanted = header_property(name)
    assert wanted is not None
    field, form, every = wanted
    found = [FORMS[form](one["value"]) for one in headers if one["name"].lower() == field.lower()]
    if every:
        return found
    return found[-1] if found else None


def lines(members: dict[str, Any]) -> bytes:
    """Members as they are kept: each on a line."""
    return b"\n".join(orjson.dumps({name: value})[1:-1] for name, value in members.items())
