"""What mail programs note in the header of a message that is kept in an mbox: flags, keywords, labels."""

from __future__ import annotations

import email.errors
import email.header
from collections.abc import Iterator, Mapping

from jmapd.ctl import found
from jmapd.ctl.found import Place
from jmapd.ctl.places import place

Fields = Mapping[bytes, str]

_LETTERS = {"R": "$seen", "A": "$answered", "F": "$flagged", "T": "$draft"}
_MOZILLA = {0x1: "$seen", 0x2: "$answered", 0x4: "$flagged", 0x1000: "$forwarded"}
_MOZILLA_EXPUNGED = 0x8
_LABELS = {"starred": "$flagged", "important": "$important"}
_NO_PLACE = ("unread", "opened", "starred", "important", "archived")


def keywords(fields: Fields) -> frozenset[str]:
    """The keywords that Status, X-Status, X-Keywords, X-Mozilla-Status and X-Gmail-Labels stand for."""
    return found.valid_keywords(_keywords(fields))


def _keywords(fields: Fields) -> Iterator[str]:
    letters = fields.get(b"status", "") + fields.get(b"x-status", "")
    yield from (keyword for letter, keyword in _LETTERS.items() if letter in letters)
    yield from fields.get(b"x-keywords", "").split()
    yield from fields.get(b"x-mozilla-keys", "").split()
    mozilla = _mozilla(fields)
    yield from (keyword for bit, keyword in _MOZILLA.items() if mozilla & bit)
    labels = {label.lower() for label in _labels(fields)}
    yield from (keyword for label, keyword in _LABELS.items() if label in labels)
    if labels and "unread" not in labels:
        yield "$seen"


def is_gone(fields: Fields) -> bool:
    """Whether this is a deleted message that still takes its place, or no message but a store's own data."""
    internal = b"x-imap" in fields or b"x-imapbase" in fields
    return bool(_mozilla(fields) & _MOZILLA_EXPUNGED) or (
        internal and "FOLDER INTERNAL DATA" in fields.get(b"subject", "")
    )


def places(fields: Fields) -> tuple[Place, ...]:
    """The Mailboxes that X-Gmail-Labels names; none where there are no labels."""
    labels = _labels(fields)
    wanted = [
        place(tuple(part for part in label.split("/") if part.strip()))
        for label in labels
        if label.lower() not in _NO_PLACE and not label.lower().startswith("category ")
    ]
    return tuple(dict.fromkeys(wanted or ([place(("Archive",))] if labels else [])))


def _labels(fields: Fields) -> list[str]:
    text = fields.get(b"x-gmail-labels", "")
    try:
        text = str(email.header.make_header(email.header.decode_header(text)))
    except (email.errors.HeaderParseError, LookupError, ValueError):
        return []
    return [label for part in text.split(",") if (label := part.strip().strip('"'))]


def _mozilla(fields: Fields) -> int:
    try:
        return int(fields.get(b"x-mozilla-status", "0"), 16)
    except ValueError:
        return 0
