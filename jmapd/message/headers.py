"""The forms in which a header field can be asked for (RFC 8621 section 4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_tz

from jmapd.message.addresses import parse_addresses
from jmapd.message.words import decode_words
from jmapd.protocol.normalization import normalize

MAX_IDS = 1000
_MAX_DATE = 200

_MESSAGE_ID = re.compile(r"<\s*([^<>\s]+)\s*>")
_URL = re.compile(r"<([^<>]*)>")
_PROPERTY = re.compile(r"header:([!-9;-~]{1,900})(?::(as[A-Za-z]+))?(:all)?\Z")


def as_raw(value: str) -> str:
    """As it came (section 4.1.2.1)."""
    return value


def as_text(value: str) -> str:
    """Unfolded, decoded and in normal form C (section 4.1.2.2)."""
    unfolded = value.replace("\r\n", "").replace("\n", "").strip()
    return normalize("NFC", decode_words(unfolded))


def as_addresses(value: str) -> list[dict[str, str | None]]:
    """The addresses, those in groups among them (section 4.1.2.3)."""
    return [{"name": name, "email": email} for group in parse_addresses(value) for name, email in group.addresses]


def as_grouped_addresses(value: str) -> list[dict[str, object]]:
    """The groups (section 4.1.2.4)."""
    return [
        {"name": group.name, "addresses": [{"name": name, "email": email} for name, email in group.addresses]}
        for group in parse_addresses(value)
    ]


def as_message_ids(value: str) -> list[str] | None:
    """The message ids without their angle brackets, or ``None`` (section 4.1.2.5)."""
    found = _MESSAGE_ID.findall(value) or [word for word in value.split() if "@" in word and "<" not in word]
    return found[:MAX_IDS] or None


def as_date(value: str) -> str | None:
    """The Date, or ``None`` (section 4.1.2.6)."""
    try:
        parsed = parsedate_tz(value[:_MAX_DATE].strip())
        if parsed is None:
            return None
        zone = timezone(timedelta(seconds=parsed[9] or 0))
        text = datetime(*parsed[:6], tzinfo=zone).isoformat()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def as_urls(value: str) -> list[str] | None:
    """The URLs of an RFC 2369 field, or ``None`` (section 4.1.2.7)."""
    return ["".join(url.split()) for url in _URL.findall(value)][:MAX_IDS] or None


FORMS: Mapping[str, Callable[[str], object]] = {
    "asRaw": as_raw,
    "asText": as_text,
    "asAddresses": as_addresses,
    "asGroupedAddresses": as_grouped_addresses,
    "asMessageIds": as_message_ids,
    "asDate": as_date,
    "asURLs": as_urls,
}
"""Each form's function, from a field's Raw value to what a client sees."""

_ADDRESS_FIELDS = frozenset(
    "from sender reply-to to cc bcc resent-from resent-sender resent-reply-to resent-to resent-cc resent-bcc".split()
)
_ID_FIELDS = frozenset("message-id in-reply-to references resent-message-id".split())
_DATE_FIELDS = frozenset({"date", "resent-date"})
_URL_FIELDS = frozenset("list-help list-unsubscribe list-subscribe list-post list-owner list-archive".split())
_TEXT_FIELDS = frozenset({"subject", "comments", "keywords", "list-id"})
_RAW_FIELDS = frozenset({"received", "return-path"})

_DEFINED = _ADDRESS_FIELDS | _ID_FIELDS | _DATE_FIELDS | _URL_FIELDS | _TEXT_FIELDS | _RAW_FIELDS

_FIELDS_OF_FORM = {
    "asText": _TEXT_FIELDS,
    "asAddresses": _ADDRESS_FIELDS,
    "asGroupedAddresses": _ADDRESS_FIELDS,
    "asMessageIds": _ID_FIELDS,
    "asDate": _DATE_FIELDS,
    "asURLs": _URL_FIELDS,
}


def form_allowed(field: str, form: str) -> bool:
    """Whether a field may be asked for in a form; those that RFC 5322 and 2369 do not define may be in any."""
    name = field.lower()
    return form == "asRaw" or name not in _DEFINED or name in _FIELDS_OF_FORM.get(form, ())


def header_property(name: str) -> tuple[str, str, bool] | None:
    """The field name, form and whether all of ``header:…`` (section 4.1.3).

    :returns: ``None`` where the name is no such property, or the field may not have the form.
    """
    match = _PROPERTY.match(name)
    if match is None:
        return None
    field, form = match[1], match[2] or "asRaw"
    if form not in FORMS or not form_allowed(field, form):
        return None
    return field, form, match[3] is not None
