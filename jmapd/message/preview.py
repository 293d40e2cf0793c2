"""The first words of a message (RFC 8621 section 4.1.4, preview)."""

from __future__ import annotations

MAX_CHARACTERS = 256

_ENOUGH = 4000


def preview(text: str) -> str:
    """At most 256 characters, white space collapsed, lines that only quote or separate left out."""
    lines = (line.strip() for line in text[:_ENOUGH].splitlines())
    said = [line for line in lines if line and not line.startswith(">") and any(map(str.isalnum, line))]
    words = " ".join(" ".join(said or text[:_ENOUGH].split()).split())
    return "".join(character for character in words if character.isprintable())[:MAX_CHARACTERS]
