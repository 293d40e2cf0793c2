"""Encoded words in header fields (RFC 2047)."""

from __future__ import annotations

import binascii
import re

from jmapd.message.charsets import to_text

_WORD = r"=\?([^?*\s]{1,60})(?:\*[^?\s]{0,60})?\?([bBqQ])\?([^?]*)\?="
_ANYWHERE = re.compile(_WORD)
_IN_PLACE = re.compile(rf"(?<!\S){_WORD.replace('[^?]', '[!->@-~]')}(?!\S)")


def decode_words(text: str, *, anywhere: bool = False) -> str:
    """The text with its encoded words decoded; what is none, or damaged, stays as it is.

    :param anywhere: whether also such are decoded that RFC 2047 section 5 does not allow: with white space within, or
        with none around.
    """
    if "=?" not in text:
        return text
    pieces: list[str] = []
    # words of one charset that stand together are joined first, for a character may be split between them
    charset, data = "", bytearray()
    end = 0
    for match in (_ANYWHERE if anywhere else _IN_PLACE).finditer(text):
        between = text[end : match.start()]
        decoded = _decoded(match[2], match[3])
        if decoded is None:
            continue
        adjacent = bool(data) and (not between or between.isspace())
        if not adjacent or match[1].lower() != charset:
            pieces.append(to_text(bytes(data), charset)[0])
            data = bytearray()
            if not adjacent:
                pieces.append(between)
        data += decoded
        charset, end = match[1].lower(), match.end()
    pieces.append(to_text(bytes(data), charset)[0])
    pieces.append(text[end:])
    return "".join(pieces)


def _decoded(encoding: str, text: str) -> bytes | None:
    if not text.isascii():
        return None
    if encoding in "qQ":
        return binascii.a2b_qp(text, header=True)
    try:
        return binascii.a2b_base64(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except binascii.Error:
        return None
