"""Automatic replies (RFC 3834): which messages get one, and what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jmapd.message.headers import as_addresses, as_message_ids, as_text
from jmapd.message.html import html_to_text
from jmapd.message.parse import parse
from jmapd.message.parts import NotParsable, Part

MAX_REFERENCES = 50
"""Message ids of the conversation that a reply names."""

MAX_SUBJECT = 500
"""Characters of a subject that is answered."""

_DEFAULT_BODY = "Your message has arrived, but it may not be read for some time.\r\n"
_NAMING = ("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc")
_SPOOLED = frozenset({"bulk", "list", "junk"})
_REPORTS = frozenset({"multipart/report", "message/delivery-status", "message/disposition-notification"})
_MACHINE = re.compile(
    r"(?:owner-.*|.*-(?:owner|request|bounces?|relay)|mailer-daemon|listserv|majordomo|no-?reply|do-?not-?reply)\Z"
)
_SUPPRESSED = re.compile(r"\b(?:all|oof|autoreply)\b", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"[!-;=?-~]{1,900}\Z")


def may_answer(sender: str, own: str) -> bool:
    """Whether an address gets automatic replies at all (RFC 3834 section 2, RFC 5230 section 4.6).

    :param sender: the envelope's; empty for none.
    :param own: the address of who would answer.
    """
    local_part = sender.rpartition("@")[0].casefold()
    return bool(local_part) and sender.casefold() != own.casefold() and not _MACHINE.match(local_part)


def reply(raw: bytes, response: Mapping[str, Any], *, sender: str, own: str, name: str) -> dict[str, Any] | None:
    """The reply to a message, as the properties of an Email to be composed; ``None`` where it gets none.

    :param response: the VacationResponse.
    :param sender: the envelope's, to whom the reply goes.
    :param own: the address of who answers, which the message must name.
    :param name: of who answers; may be empty.
    """
    try:
        root = parse(raw)
    except NotParsable:
        return None
    if not _is_personal(root) or not _names(root, own):
        return None
    ids, known = _ids(root, "message-id")[:1], _ids(root, "references") or _ids(root, "in-reply-to")[:1]
    return {
        "from": [{"name": name or None, "email": own}],
        "to": [{"email": sender}],
        "subject": response["subject"] or _subject(root),
        "inReplyTo": ids or None,
        "references": [*known, *ids][-MAX_REFERENCES:] or None,
        "header:Auto-Submitted": " auto-replied",
        **_body(response),
    }


def _is_personal(root: Part) -> bool:
    """Whether a message is a person's to persons, as far as it says so itself (RFC 3834 section 2)."""
    submitted, precedence, type = (_word(root, name) for name in ("auto-submitted", "precedence", "content-type"))
    return (
        submitted in ("", "no")
        and precedence not in _SPOOLED
        and not any(one.name.lower().startswith("list-") for one in root.headers)
        and not _SUPPRESSED.search(root.field("x-auto-response-suppress") or "")
        # what tells of the fate of another message
        and type not in _REPORTS
    )


def _word(root: Part, field: str) -> str:
    """What a field says before its parameters and comments; nothing where there is none."""
    return (root.field(field) or "").partition(";")[0].partition("(")[0].strip().lower()


def _names(root: Part, own: str) -> bool:
    """Whether a message is addressed to an address by name, and not by way of a list or another one's."""
    return any(
        (one["email"] or "").casefold() == own.casefold()
        for header in root.headers
        if header.name.lower() in _NAMING
        for one in as_addresses(header.value)
    )


def _ids(root: Part, field: str) -> list[str]:
    """The message ids of a field that can be repeated."""
    value = root.field(field)
    return [one for one in (value and as_message_ids(value)) or () if _MESSAGE_ID.match(one)]


def _subject(root: Part) -> str:
    """RFC 3834 section 3.1.5."""
    return f"Auto: {as_text(root.field('subject') or '')[:MAX_SUBJECT]}".strip()


def _body(response: Mapping[str, Any]) -> dict[str, Any]:
    """The text, and the HTML if there is any."""
    text, html = response["textBody"], response["htmlBody"]
    if text is None:
        text = _DEFAULT_BODY if html is None else html_to_text(html)
    parts: dict[str, Any] = {"textBody": [{"partId": "text", "type": "text/plain"}]}
    values = {"text": {"value": text}}
    if html is not None:
        parts["htmlBody"] = [{"partId": "html", "type": "text/html"}]
        values["html"] = {"value": html}
    return {**parts, "bodyValues": values}
