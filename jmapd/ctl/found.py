"""What an import finds in mbox files and Maildirs, before the server sees it."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import attrs

# a store's own notes in a message's header; they change while the message does not
_STORES_OWN = frozenset(
    {b"status", b"x-status", b"x-keywords", b"x-uid", b"x-imap", b"x-imapbase", b"x-mozilla-status",
     b"x-mozilla-status2", b"x-mozilla-keys", b"content-length", b"lines"}
)  # fmt: skip
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*(?:\r?\n[ \t].*)*)(?:\r?\n|\Z)")
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_KEYWORD = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){\]%*\"\\]{1,255}\Z")

_LATEST = 4_102_444_800_000  # the year 2100: what is later is a broken date


@attrs.frozen
class Place:
    """Where a message goes: a Mailbox by its path, or by its role where the account has it."""

    path: tuple[str, ...]
    role: str | None = None


@attrs.frozen
class Found:
    """A message as an import finds it.

    :param origin: where, for a report about it.
    :param received_at: milliseconds since 1970, or ``None`` where only the message may say it.
    :param octets: how much of the source it took.
    """

    origin: str
    places: tuple[Place, ...]
    keywords: frozenset[str]
    received_at: int | None
    raw: bytes
    octets: int


@attrs.frozen
class Skipped:
    """Something that is left out.

    :param why: the end of a report line; empty where nobody needs to hear of it.
    :param deleted: whether it is a message that was marked for deletion.
    """

    origin: str
    why: str
    octets: int
    deleted: bool = False


class Source(Protocol):
    """A file or folder that messages come from."""

    @property
    def path(self) -> Path:
        """Where it is."""

    def size(self) -> int:
        """About how many octets it has."""

    def messages(self) -> Iterator[Found | Skipped]:
        """What is in it, in order."""


def plausible(milliseconds: float) -> int | None:
    """The time, unless no message can be from then."""
    return int(milliseconds) if 0 < milliseconds < _LATEST else None


def parse_date(text: str) -> int | None:
    """The milliseconds of a date as mail writes it, or as ctime does."""
    try:
        fields = email.utils.parsedate_tz(text)
        return plausible(email.utils.mktime_tz(fields) * 1000) if fields else None
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def valid_keywords(names: Iterator[str]) -> frozenset[str]:
    """Those that may be keywords (RFC 8621 section 4.1.1), in lower case."""
    return frozenset(name.lower() for name in names if _KEYWORD.match(name))


def split_header(raw: bytes) -> tuple[bytes, bytes]:
    """A message's header with its last line's end, and the rest."""
    end = _END_OF_HEADER.search(raw)
    if end is None:
        return raw, b""
    at = end.start() + (2 if raw[end.start()] == 13 else 1)
    return raw[:at], raw[at:]


def fields(header: bytes) -> dict[bytes, str]:
    """The fields of a header by their name in lower case; the last of each."""
    found = _FIELD.finditer(header)
    return {one[1].lower(): " ".join(one[2].decode("utf-8", "replace").split()) for one in found}


def without_stores_own(header: bytes) -> bytes:
    """A header without the fields that a mail store keeps its own notes in."""
    return _FIELD.sub(lambda one: b"" if one[1].lower() in _STORES_OWN else one[0], header)


def network_lines(raw: bytes) -> bytes:
    """A message that was kept with this system's line ends, with those of RFC 5322."""
    return raw if b"\r\n" in raw else raw.replace(b"\n", b"\r\n")
