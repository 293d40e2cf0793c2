"""Unicode's normal forms, in time that grows with the text alone.

To bring combining characters into their order takes the square of how many stand together. So no more than
`MAX_MARKS` do: a joiner that nobody sees is put between them, as Unicode's Stream-Safe Text Format (UAX #15,
section 13) has it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

MAX_MARKS = 30
"""Combining characters that stand together, by UAX #15's own number."""

_JOINER = "\u034f"

# no combining character is a letter, so whatever has as many of them together has this
_MANY = re.compile(rf"[^\w\s\x00-\x7f]{{{MAX_MARKS + 1},}}")


def normalize(form: Literal["NFC", "NFD", "NFKD"], text: str) -> str:
    """The text in a normal form.

    :param text: of any length.
    """
    return text if text.isascii() else unicodedata.normalize(form, _MANY.sub(_stream_safe, text))


def _stream_safe(run: re.Match[str]) -> str:
    pieces: list[str] = []
    marks = 0
    for character in run[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MAX_MARKS:
            pieces.append(_JOINER)
            marks = 1
        pieces.append(character)
    return "".join(pieces)
