"""Messages out of an mbox file of any size, one at a time (RFC 4155, with mboxo's and mboxrd's quoting).

Content-Length is not believed: too many programs get it wrong, and the ``From`` lines are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import attrs

from jmapd.ctl import found, mbox_notes
from jmapd.ctl.found import Found, Place, Skipped

_LINE = 1 << 20
_DATED = re.compile(
    rb"From (?:.* )?((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?:[A-Z][a-z]{2} +\d{1,2}|\d{1,2} +[A-Z][a-z]{2}) .*\d{4}.*?)\r?\n?\Z"
)
_QUOTED = re.compile(rb">+From ")
_BLANK = (b"\n", b"\r\n")


@attrs.frozen
class Mbox:
    """An mbox file.

    :param limit: octets of the largest message that is read.
    """

    path: Path
    place: Place
    limit: int

    def size(self) -> int:
        """The file's octets."""
        return self.path.stat().st_size

    def messages(self) -> Iterator[Found | Skipped]:
        """The messages in the file's order."""
        with self.path.open("rb") as file:
            for number, piece in enumerate(_pieces(file, self.limit), 1):
                yield self._read(f"{self.path}: message {number}", piece)

    def _read(self, origin: str, piece: _Piece) -> Found | Skipped:
        if piece.raw is None:
            return Skipped(origin, f"larger than {self.limit} octets", piece.octets)
        header, body = found.split_header(piece.raw)
        fields = found.fields(header)
        if not fields:
            return Skipped(origin, "has no header: it is no message", piece.octets)
        if mbox_notes.is_gone(fields):
            return Skipped(origin, "", piece.octets)
        raw = found.network_lines(found.without_stores_own(header) + body)
        places = mbox_notes.places(fields) or (self.place,)
        return Found(origin, places, mbox_notes.keywords(fields), piece.received_at, raw, piece.octets)


def is_mbox(path: Path) -> bool:
    """Whether a file begins as an mbox does; an empty one is an mbox without messages."""
    with path.open("rb") as file:
        for line in iter(lambda: file.readline(_LINE), b""):
            if line not in _BLANK:
                return line.startswith(b"From ")
    return True


@attrs.frozen
class _Piece:
    """What stands between two ``From`` lines; ``raw`` is ``None`` where it is more than the limit."""

    received_at: int | None
    raw: bytes | None
    octets: int


@attrs.define
class _Gathering:
    """A piece as it is read, with no more of it in memory than the limit."""

    separator: bytes
    limit: int
    lines: list[bytes] = attrs.field(factory=list)
    size: int = 0

    def add(self, line: bytes) -> None:
        self.size += len(line)
        if self.size <= self.limit:
            self.lines.append(line)

    def piece(self, ends_blank: bool) -> _Piece:
        dated = _DATED.match(self.separator)
        received_at = found.parse_date(dated[1].decode("latin-1")) if dated else None
        octets = len(self.separator) + self.size
        if self.size > self.limit:
            return _Piece(received_at, None, octets)
        if ends_blank and any(line in _BLANK for line in self.lines[:-1]):
            # the blank line before the next message is the file's; the one that ends a header is the message's
            self.lines.pop()
        return _Piece(received_at, b"".join(self.lines), octets)


def _pieces(file: BinaryIO, limit: int) -> Iterator[_Piece]:
    current = first = None
    begins = blank = True  # whether what is read next begins a line, and whether a blank one stands before it
    for line in iter(lambda: file.readline(_LINE), b""):
        if begins and _separates(line, blank, first):
            if current is not None:
                yield current.piece(blank)
            current = _Gathering(line, limit)
            first = first or line
        elif current is not None:
            current.add(line[1:] if begins and _QUOTED.match(line) else line)
        blank = begins and line in _BLANK
        begins = line.endswith(b"\n")
    if current is not None:
        yield current.piece(blank)


def _separates(line: bytes, after_blank: bool, first: bytes | None) -> bool:
    """Whether a line begins a message: by a date, or after a blank line where this file's first one has no date."""
    if not line.startswith(b"From "):
        return False
    if first is None or (after_blank and not _DATED.match(first)):
        return True
    return _DATED.match(line) is not None
