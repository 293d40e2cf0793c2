"""All that the store keeps of a message, made once from its bytes (RFC 8621 section 4.1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from jmapd.message.body import Body, find_body, has_attachment
from jmapd.message.charsets import to_text
from jmapd.message.headers import as_addresses, as_date, as_message_ids, as_text
from jmapd.message.html import html_to_text
from jmapd.message.parse import BOUNDS, Bounds, parse
from jmapd.message.parts import Header, Part
from jmapd.message.preview import preview
from jmapd.message.subjects import base_subject
from jmapd.message.transfer import decode

MAX_SEARCH = 1_000_000
"""Characters of a message's text that are searched, those of HTML with its tags."""

MAX_REFERENCES = 100
"""Message ids that a message's Thread is looked up by."""

_ADDRESS_PROPERTIES = {
    "sender": "sender",
    "from": "from",
    "to": "to",
    "cc": "cc",
    "bcc": "bcc",
    "replyTo": "reply-to",
}
_ID_PROPERTIES = {"messageId": "message-id", "inReplyTo": "in-reply-to", "references": "references"}


@attrs.frozen
class Prepared:
    """A message, read.

    :param properties: those of Email that its bytes decide, but for blobId, size and the body's parts.
    :param headers: all its own fields, Raw.
    :param body_structure: the part tree; each leaf with ``offset``, ``length`` and ``encoding`` in place of a blobId.
    :param text_body: part ids, as ``html_body`` and ``attachments``.
    :param message_ids: what its Thread is looked up by.
    :param thread_subject: the base subject.
    :param search: the texts for the full-text index.
    :param sent_at: the Date field, in seconds since 1970.
    """

    properties: dict[str, Any]
    headers: list[dict[str, str]]
    body_structure: dict[str, Any]
    text_body: list[str]
    html_body: list[str]
    attachments: list[str]
    message_ids: list[str]
    thread_subject: str
    search: dict[str, str]
    sent_at: int | None


def prepare(raw: bytes, bounds: Bounds = BOUNDS) -> Prepared:
    """Read a message.

    :raises NotParsable: where it is no message at all.
    """
    root = parse(raw, bounds)
    body = find_body(root)
    text, all_text = _texts(raw, root, body)
    properties = _header_properties(root)
    properties |= {"hasAttachment": has_attachment(body), "preview": preview(text)}
    subject = properties["subject"] or ""
    return Prepared(
        properties=properties,
        headers=[_shown(header) for header in root.headers],
        body_structure=_structure(root),
        text_body=[part.part_id for part in body.text if part.part_id],
        html_body=[part.part_id for part in body.html if part.part_id],
        attachments=[part.part_id for part in body.attachments if part.part_id],
        message_ids=_message_ids(properties),
        thread_subject=base_subject(subject),
        search=_search(properties, all_text, body),
        sent_at=_seconds(properties["sentAt"]),
    )


def _header_properties(root: Part) -> dict[str, Any]:
    """The properties that are header fields; of several fields of a name the last one counts (section 4.1.3)."""
    fields = {header.name.lower(): header.value for header in root.headers}
    found: dict[str, Any] = {}
    for name, field in _ID_PROPERTIES.items():
        found[name] = as_message_ids(fields[field]) if field in fields else None
    for name, field in _ADDRESS_PROPERTIES.items():
        found[name] = as_addresses(fields[field]) if field in fields else None
    found["subject"] = as_text(fields["subject"]) if "subject" in fields else None
    found["sentAt"] = as_date(fields["date"]) if "date" in fields else None
    return found


def _shown(header: Header) -> dict[str, str]:
    return {"name": header.name, "value": header.value}


def _structure(part: Part) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "partId": part.part_id,
        "size": part.size,
        "headers": [_shown(header) for header in part.headers],
        "name": part.name,
        "type": part.type,
        "charset": part.charset,
        "disposition": part.disposition,
        "cid": part.cid,
        "language": None if part.language is None else list(part.language),
        "location": part.location,
        "subParts": [_structure(one) for one in part.sub_parts] if part.part_id is None else None,
    }
    if part.part_id is not None:
        shown |= {"offset": part.offset, "length": part.length, "encoding": part.encoding}
    return shown


def _texts(raw: bytes, root: Part, body: Body) -> tuple[str, str]:
    """The text that a preview begins with, and all text to be searched."""
    first, pieces, room = "", [], MAX_SEARCH
    shown = {part.part_id for part in body.text}
    alternatives = {part.part_id for part in body.html} - shown
    for part in root.leaves():
        if room <= 0 or not part.type.startswith("text/") or (part.part_id in alternatives and body.text):
            continue
        # an encoded character takes six octets at the most, as in =C3=A9
        encoded = raw[part.offset : part.offset + min(part.length, 6 * MAX_SEARCH)]
        text, _ = to_text(decode(encoded, part.encoding), part.charset)
        text = text[:room]
        # HTML counts with its tags: what takes time is to read them
        room -= len(text)
        if part.type == "text/html":
            text = html_to_text(text)
        if not first and part.part_id in shown:
            first = text
        pieces.append(text)
    return first, "\n".join(pieces)


def _message_ids(properties: dict[str, Any]) -> list[str]:
    """Its own id, that of what it answers, and the latest of its references, each once."""
    references = (properties["references"] or [])[-MAX_REFERENCES:]
    own, answered = (properties["messageId"] or [])[:1], (properties["inReplyTo"] or [])[:MAX_REFERENCES]
    return list(dict.fromkeys([*own, *answered, *references]))[:MAX_REFERENCES]


def _search(properties: dict[str, Any], text: str, body: Body) -> dict[str, str]:
    addresses = {
        name: " ".join(f"{one['name'] or ''} {one['email']}" for one in properties[name] or ())[:MAX_SEARCH]
        for name in ("from", "to", "cc", "bcc")
    }
    names = " ".join(part.name for part in body.attachments if part.name)
    return {**addresses, "subject": properties["subject"] or "", "body": text, "attachment": names[:MAX_SEARCH]}


def _seconds(date: str | None) -> int | None:
    if date is None:
        return None
    try:
        return int(datetime.fromisoformat(date).timestamp())
    except (ValueError, OverflowError):
        return None
