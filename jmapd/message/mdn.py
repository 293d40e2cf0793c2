"""Message disposition notifications (RFC 8098) as messages, from and to the MDN objects of RFC 9007."""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Mapping
from typing import Any

import attrs

from jmapd.message.charsets import to_text
from jmapd.message.fields import write_field
from jmapd.message.headers import as_message_ids, as_text
from jmapd.message.parse import parse
from jmapd.message.parts import NotParsable, Part
from jmapd.message.transfer import decode

_REPORT = "message/disposition-notification"
DISPOSITIONS = {
    "actionMode": ("manual-action", "automatic-action"),
    "sendingMode": ("mdn-sent-manually", "mdn-sent-automatically"),
    "type": ("deleted", "dispatched", "displayed", "processed"),
}
"""The values that each member of a Disposition may have (RFC 9007 section 2)."""

MAX_FIELDS = 200
"""Fields of a report that are read."""


@attrs.frozen
class Outgoing:
    """What an MDN is made of beside its object.

    :param sender: the address that it is from.
    :param to: the address that asked for it.
    :param date: as JMAP's Date.
    :param message_id: without angle brackets.
    :param in_reply_to: with them.
    """

    sender: str
    to: str
    date: str
    message_id: str
    in_reply_to: str | None
    boundary: str


def write(mdn: Mapping[str, Any], about: Outgoing, original: bytes | None) -> bytes:
    """The message of an MDN.

    :param mdn: with its server-set properties.
    :param original: the message it is about, where that is to be included.
    """
    fields: list[tuple[str, str, Any]] = [
        ("From", "asAddresses", [{"email": about.sender}]),
        ("To", "asAddresses", [{"email": about.to}]),
        ("Subject", "asText", mdn["subject"] or ""),
        ("Date", "asDate", about.date),
        ("Message-ID", "asMessageIds", [about.message_id]),
        *([("In-Reply-To", "asRaw", f" {about.in_reply_to}")] if about.in_reply_to else []),
        # so that nothing answers it by itself (RFC 3834 section 5)
        ("Auto-Submitted", "asRaw", " auto-replied"),
        ("MIME-Version", "asRaw", " 1.0"),
    ]
    head = b"".join(write_field(*field) for field in fields)
    text = encodebytes((mdn["textBody"] or "").encode("utf-8", "replace")).replace(b"\n", b"\r\n")
    parts = [
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + text,
        f"Content-Type: {_REPORT}\r\n\r\n".encode() + b"".join(_report(mdn)),
    ]
    if original is not None:
        parts.append(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + original)
    mark = about.boundary
    head += f'Content-Type: multipart/report; report-type=disposition-notification;\r\n boundary="{mark}"\r\n'.encode()
    delimiter = f"\r\n--{mark}".encode()
    return head + b"".join(delimiter + b"\r\n" + part for part in parts) + delimiter + b"--\r\n"


def _report(mdn: Mapping[str, Any]) -> list[bytes]:
    disposition = mdn["disposition"]
    modes = f"{disposition['actionMode']}/{disposition['sendingMode']}"
    known = {
        "Reporting-UA": mdn["reportingUA"],
        "Original-Recipient": mdn["originalRecipient"],
        "Final-Recipient": mdn["finalRecipient"],
        "Original-Message-ID": mdn["originalMessageId"],
        "Disposition": f"{modes}; {disposition['type']}",
    }
    fields = {**known, **(mdn["extensionFields"] or {})}
    return [write_field(name, "asText", value) for name, value in fields.items() if value is not None]


def read(raw: bytes) -> dict[str, Any]:
    """The MDN object of a message.

    :raises NotParsable: where it is no MDN.
    """
    root = parse(raw)
    leaves = list(root.leaves())
    report = next((part for part in leaves if part.type == _REPORT), None)
    if report is None:
        raise NotParsable
    fields = _fields(_content(raw, report))
    disposition = _disposition(fields.pop("disposition", ("", ""))[1])
    text = next((part for part in leaves if part.type == "text/plain"), None)
    subject = root.field("subject")

    def taken(name: str) -> str | None:
        return fields.pop(name, ("", None))[1]

    errors = [fields.pop("error")[1]] if "error" in fields else None
    return {
        "forEmailId": None,
        "subject": None if subject is None else as_text(subject),
        "textBody": None if text is None else to_text(_content(raw, text), text.charset)[0],
        "includeOriginalMessage": any(part.type in ("message/rfc822", "text/rfc822-headers") for part in leaves),
        "reportingUA": taken("reporting-ua"),
        "disposition": disposition,
        "mdnGateway": taken("mdn-gateway"),
        "originalRecipient": taken("original-recipient"),
        "finalRecipient": taken("final-recipient"),
        "originalMessageId": taken("original-message-id"),
        "error": errors,
        "extensionFields": dict(fields.values()) or None,
    }


def original_message_id(mdn: Mapping[str, Any]) -> str | None:
    """The Message-ID of the message that an MDN is about, without its angle brackets."""
    found = as_message_ids(mdn["originalMessageId"] or "")
    return found[0] if found else None


def recipients(mdn: Mapping[str, Any]) -> set[str]:
    """The addresses that the message of an MDN was for, casefolded, without their types (RFC 8098 section 3.2)."""
    given = (mdn[name] for name in ("originalRecipient", "finalRecipient"))
    return {one.rpartition(";")[2].strip().casefold() for one in given if one}


def _content(raw: bytes, part: Part) -> bytes:
    return decode(raw[part.offset : part.offset + part.length], part.encoding)


def _fields(report: bytes) -> dict[str, tuple[str, str]]:
    """The fields of a report, by their names in lower case: name and value."""
    found: dict[str, tuple[str, str]] = {}
    for header in parse(report + b"\r\n\r\n").headers[:MAX_FIELDS]:
        found.setdefault(header.name.lower(), (header.name, as_text(header.value)))
    return found


def _disposition(value: str) -> dict[str, str]:
    """The Disposition of a field; `NotParsable` where it is none."""
    modes, _, rest = value.lower().partition(";")
    action, _, sending = (one.strip() for one in modes.partition("/"))
    type = rest.partition("/")[0].strip()
    found = {"actionMode": action, "sendingMode": sending, "type": type}
    if any(found[name] not in allowed for name, allowed in DISPOSITIONS.items()):
        raise NotParsable
    return found
