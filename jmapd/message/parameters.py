"""Parameters of Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2231)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from jmapd.message.charsets import to_text
from jmapd.message.words import decode_words

MAX_VALUE = 16_384
"""Characters of a field that are looked at."""

MAX_PARAMETERS = 100

_PARAMETER = re.compile(r';\s*([^\s=;"]{1,200})\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,2}))?(\*)?\Z")


def parse_field(value: str) -> tuple[str, dict[str, str]]:
    """What stands before the first semicolon, in lower case, and the parameters by name in lower case.

    :param value: the field's Raw value.
    """
    value = value[:MAX_VALUE].replace("\r\n", "").replace("\n", "")
    head, semicolon, _ = value.partition(";")
    found: dict[str, dict[int, tuple[str, bool]]] = {}
    if semicolon:
        for number, match in enumerate(_PARAMETER.finditer(value, len(head))):
            if number >= MAX_PARAMETERS:
                break
            if section := _SECTION.match(match[1].lower()):
                place = int(section[2] or 0)
                found.setdefault(section[1], {}).setdefault(place, (_unquoted(match[2]), bool(section[3])))
    return head.strip().lower(), {name: _joined(sections) for name, sections in found.items()}


def _unquoted(text: str) -> str:
    text = text.strip()
    if text.startswith('"'):
        return _ESCAPE.sub(r"\1", text[1:-1] if text.endswith('"') and len(text) > 1 else text[1:])
    return text


def _joined(sections: dict[int, tuple[str, bool]]) -> str:
    """The sections of RFC 2231 in their order, up to the first that is missing."""
    pieces: list[bytes] = []
    charset = "utf-8"
    extended = any(flag for _, flag in sections.values())
    if not extended and len(sections) == 1:
        # no encoded word may be there, and yet many are
        return decode_words(next(iter(sections.values()))[0], anywhere=True)
    for place in range(len(sections)):
        if place not in sections:
            break
        text, percent = sections[place]
        if percent and place == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        pieces.append(unquote_to_bytes(text) if percent else text.encode(errors="replace"))
    return to_text(b"".join(pieces), charset or "utf-8")[0]
