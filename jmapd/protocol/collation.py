"""The collation ``i;unicode-casemap`` (RFC 5051), JMAP's default for sorting strings."""

from __future__ import annotations

from jmapd.protocol.normalization import normalize


def casemap(text: str) -> str:
    """A string that compares, code point by code point, as the collation compares the text."""
    if text.isascii():
        return text.upper()
    return normalize("NFKD", "".join(character.title() for character in text))
