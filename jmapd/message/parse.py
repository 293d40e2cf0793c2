"""A message's bytes to its parts, in one pass for each level of nesting (RFC 5322, RFC 2045, RFC 2046).

The standard library does not tell where a part's bytes are, so header blocks and boundaries are found here. Damaged
messages get the best reading there is: bare line feeds, missing boundaries and headers, unknown encodings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from jmapd.message.headers import as_text
from jmapd.message.parameters import parse_field
from jmapd.message.parts import Header, NotParsable, Part
from jmapd.message.transfer import decode, encoding_named

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"([!-9;-~]{1,500})[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)\n?")
_NAME = re.compile(rb"[!-9;-~]{1,500}[ \t]*:")
_FROM_LINE = re.compile(rb"(?:>?From [^\n]*\n)?")
_ENCODINGS = {"base64", "quoted-printable"}
_AFTER = b"-\n\r \t\v\f"
_TYPE = re.compile(r"[!#-'*+\-.0-9A-Z^-~]{1,100}/[!#-'*+\-.0-9A-Z^-~]{1,100}\Z", re.IGNORECASE)


@attrs.frozen
class Bounds:
    """What of a message is looked at; beyond it parts are leaves and fields are left out.

    :param max_depth: multiparts within each other: what shows them is JSON of twice the depth, in which I-JSON readers
        (our own, see `jmapd.protocol.ijson`) allow 100 levels.
    :param max_parts: parts in all.
    :param max_header_bytes: octets of one part's header; the body is found behind it, however long it is.
    :param max_header_fields: fields of one part.
    """

    max_depth: int = 40
    max_parts: int = 1000
    max_header_bytes: int = 1_048_576
    max_header_fields: int = 10_000


BOUNDS = Bounds()


def parse(raw: bytes, bounds: Bounds = BOUNDS) -> Part:
    """Find a message's parts.

    :raises NotParsable: where there is neither a header field nor text.
    """
    # line ends of old: as long as those of today, so that nothing moves
    lines = raw if b"\n" in raw else raw.replace(b"\r", b"\n")
    part = _Parser(lines, raw, bounds).part(0, len(raw), 0, "text/plain")
    if not part.headers and (not raw.strip() or b"\0" in raw[:1000]):
        raise NotParsable("neither a header field nor text")
    return part


@attrs.define(eq=False)
class _Parser:
    """Finds parts.

    :param raw: the message, with line feeds.
    :param encoded: the same as it came, which bodies are decoded from.
    """

    raw: bytes
    encoded: bytes
    bounds: Bounds
    _parts: int = 0
    _leaves: int = 0

    def part(self, start: int, end: int, depth: int, default_type: str) -> Part:
        """The part whose header starts at ``start``."""
        self._parts += 1
        headers, body = self._header_block(start, end)
        fields = {header.name.lower(): header.value for header in headers}
        media_type, parameters = parse_field(fields.get("content-type", ""))
        if not _TYPE.match(media_type):
            media_type, parameters = default_type, {} if "content-type" not in fields else parameters
        disposition, disposition_parameters = parse_field(fields.get("content-disposition", ""))
        described: dict[str, object] = {
            "headers": headers,
            "name": disposition_parameters.get("filename") or parameters.get("name") or None,
            "disposition": disposition or None,
            "cid": _without_brackets(fields.get("content-id")),
            "language": _languages(fields.get("content-language")),
            "location": as_text(fields["content-location"]) if "content-location" in fields else None,
        }
        if media_type.startswith("multipart/"):
            spans = self._spans(body, end, parameters.get("boundary", "")) if depth < self.bounds.max_depth else []
            if spans:
                return self._multipart(media_type, body, end, depth, spans, described)
            media_type = "text/plain" if depth < self.bounds.max_depth else "application/octet-stream"
        return self._leaf(media_type, parameters, fields, body, end, described)

    def _multipart(
        self,
        media_type: str,
        body: int,
        end: int,
        depth: int,
        spans: list[tuple[int, int]],
        described: dict[str, object],
    ) -> Part:
        inner_default = "message/rfc822" if media_type == "multipart/digest" else "text/plain"
        parts = tuple(self.part(start, stop, depth + 1, inner_default) for start, stop in spans)
        return Part(
            part_id=None,
            offset=body,
            length=end - body,
            encoding="identity",
            size=0,
            type=media_type,
            charset=None,
            sub_parts=parts,
            **described,  # type: ignore[arg-type]  # the members are those of Part, made just above
        )

    def _leaf(
        self,
        media_type: str,
        parameters: dict[str, str],
        fields: dict[str, str],
        body: int,
        end: int,
        described: dict[str, object],
    ) -> Part:
        self._leaves += 1
        encoding = encoding_named(fields.get("content-transfer-encoding"))
        encoding = encoding if encoding in _ENCODINGS and media_type != "message/rfc822" else "identity"
        size = end - body if encoding == "identity" else len(decode(self.encoded[body:end], encoding))
        charset = parameters.get("charset") or ("us-ascii" if media_type.startswith("text/") else None)
        return Part(
            part_id=str(self._leaves),
            offset=body,
            length=end - body,
            encoding=encoding,
            size=size,
            type=media_type,
            charset=charset if media_type.startswith("text/") or "charset" in parameters else None,
            **described,  # type: ignore[arg-type]  # as above
        )

    def _header_block(self, start: int, end: int) -> tuple[tuple[Header, ...], int]:
        """The fields of a header, and where the body starts."""
        raw = self.raw
        for newline in (b"\n", b"\r\n"):
            if raw.startswith(newline, start, end):
                return (), start + len(newline)
        limit = min(end, start + self.bounds.max_header_bytes)
        blank = _BLANK_LINE.search(raw, start, limit)
        stop = blank.start() + 1 + raw.startswith(b"\r", blank.start()) if blank else limit
        body = blank.end() if blank else self._after_blank_line(limit, end)
        match = _FROM_LINE.match(raw, start, stop)
        at = match.end() if match else start
        headers: list[Header] = []
        while at < stop and (field := _FIELD.match(raw, at, stop)):
            if len(headers) < self.bounds.max_header_fields:
                headers.append(Header(field[1].decode("ascii"), _raw_value(field[2])))
            at = field.end()
        if not headers:
            return (), start
        cut = blank is None and limit < end and b"\n" not in raw[at:stop] and _NAME.match(raw, at, end)
        if at < stop and not raw[at:stop].isspace() and not cut:
            # a line that is no field: the header ends before it
            body = at
        return tuple(headers), body

    def _after_blank_line(self, start: int, end: int) -> int:
        """Where the body starts after a header that is longer than what is looked at of it."""
        # the line ends of an empty line may be on both sides of the bound
        found = (self.raw.find(line, max(0, start - 3), end) + len(line) for line in (b"\n\n", b"\n\r\n"))
        return min((at for at in found if at > start - 3 and at >= 3), default=end)

    def _spans(self, body: int, end: int, boundary: str) -> list[tuple[int, int]]:
        """Where each part of a multipart starts and ends."""
        if not boundary:
            return []
        delimiter = b"--" + boundary.encode(errors="replace")
        spans: list[tuple[int, int]] = []
        start: int | None = None
        for at, after, closes in self._delimiters(body, end, delimiter):
            if start is not None:
                spans.append((start, max(start, at)))
            start = None if closes else after
            if closes or self._parts + len(spans) >= self.bounds.max_parts:
                break
        if start is not None:
            spans.append((start, end))
        return spans

    def _delimiters(self, body: int, end: int, delimiter: bytes) -> Iterator[tuple[int, int, bool]]:
        """Each delimiter line: where what is before it ends, where what is after it starts, whether it closes."""
        raw, at = self.raw, body
        while (at := raw.find(delimiter, at, end)) >= 0:
            line_start, at = at, at + len(delimiter)
            if (line_start > body and raw[line_start - 1] != 0x0A) or (at < end and raw[at] not in _AFTER):
                continue
            closes = raw.startswith(b"--", at, end)
            line_end = raw.find(b"\n", at, end)
            line_end = end if line_end < 0 else line_end + 1
            if not closes and raw[at : min(line_end, at + 1000)].strip():
                # the delimiter of another multipart, whose boundary begins like this one
                continue
            before = line_start
            if before > body:
                before -= 2 if before - 2 >= body and raw[before - 2] == 0x0D else 1
            yield before, line_end, closes
            at = line_end


def _raw_value(value: bytes) -> str:
    return value.removesuffix(b"\r").replace(b"\0", b"").decode("utf-8", "replace")


def _without_brackets(value: str | None) -> str | None:
    if value is None:
        return None
    return value.strip().removeprefix("<").removesuffix(">") or None


def _languages(value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(one.strip() for one in value[:1000].split(",") if one.strip()) or None
