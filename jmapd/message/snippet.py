"""Search words marked in a text, as HTML (RFC 8621 section 5)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import attrs

from jmapd.protocol.normalization import normalize

MAX_OCTETS = 255
"""Of a snippet of a body."""

MAX_TEXT = 200_000
"""Characters of a text in which words are looked for."""

_BEFORE = 40
"""Characters before the first word that is marked."""

_CJK = "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
_WORD = re.compile(f"[{_CJK}]|[^\\W_{_CJK}]+")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_OPEN, _CLOSE = "<mark>", "</mark>"
_DOTS = "…"


@attrs.frozen
class Phrase:
    """Words that are looked for, one behind the other.

    :param words: folded.
    :param prefix: whether the last one may go on.
    """

    words: tuple[str, ...]
    prefix: bool = False

    @classmethod
    def of(cls, text: str, *, prefix: bool = False) -> Phrase | None:
        """The phrase of a text, or ``None`` where there is no word in it."""
        words = tuple(fold(match[0]) for match in _WORD.finditer(normalize("NFC", text)))
        return cls(words, prefix) if words else None


@attrs.frozen
class _Word:
    folded: str
    start: int
    end: int


def fold(word: str) -> str:
    """A word without its case and its accents, as the index has it."""
    plain = normalize("NFD", word.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def mark(text: str, phrases: Sequence[Phrase]) -> str | None:
    """A whole text with the phrases marked; ``None`` where there are none in it."""
    text = normalize("NFC", text[:MAX_TEXT])
    spans = _spans(text, phrases)
    return _rendered(text, spans, 0, None) if spans else None


def snippet(text: str, phrases: Sequence[Phrase]) -> str | None:
    """The part of a text around the first phrase, with all of them marked, in `MAX_OCTETS` at the most.

    :returns: ``None`` where there are none in it.
    """
    text = normalize("NFC", " ".join(text[:MAX_TEXT].split()))
    spans = _spans(text, phrases)
    if not spans:
        return None
    start = max(0, spans[0][0] - _BEFORE)
    if start:
        space = text.find(" ", start, spans[0][0])
        start = start if space < 0 else space + 1
    return _rendered(text, spans, start, MAX_OCTETS)


def _spans(text: str, phrases: Sequence[Phrase]) -> list[tuple[int, int]]:
    """Where the phrases are, in order, none within another."""
    words = [_Word(fold(match[0]), match.start(), match.end()) for match in _WORD.finditer(text)]
    places: dict[str, list[int]] = {}
    for at, word in enumerate(words):
        places.setdefault(word.folded, []).append(at)
    found = sorted(span for phrase in phrases for span in _of_phrase(words, places, phrase))
    spans: list[tuple[int, int]] = []
    for start, end in found:
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _of_phrase(words: list[_Word], places: dict[str, list[int]], phrase: Phrase) -> Iterator[tuple[int, int]]:
    first, count = phrase.words[0], len(phrase.words)
    alone = count == 1 and phrase.prefix
    starts: Iterable[int] = (
        (at for at, word in enumerate(words) if word.folded.startswith(first)) if alone else places.get(first, ())
    )
    for at in starts:
        these = words[at : at + count]
        if len(these) == count and all(map(_fits, these, phrase.words, _may_go_on(phrase))):
            yield these[0].start, these[-1].end


def _may_go_on(phrase: Phrase) -> Iterator[bool]:
    count = len(phrase.words)
    return (phrase.prefix and at == count - 1 for at in range(count))


def _fits(word: _Word, wanted: str, may_go_on: bool) -> bool:
    return word.folded.startswith(wanted) if may_go_on else word.folded == wanted


def _rendered(text: str, spans: list[tuple[int, int]], start: int, room: int | None) -> str:
    """The text from a place on, escaped and marked, within so many octets."""
    pieces = [_DOTS] if start else []
    left = None if room is None else room - sum(len(one.encode()) for one in pieces)
    at = start
    for begin, end in [*spans, (len(text), len(text))]:
        plain = _cut(text[at:begin], left)
        pieces.append(plain)
        left = None if left is None else left - len(plain.encode())
        tags = len(_OPEN) + len(_CLOSE)
        marked = _cut(text[begin:end], None if left is None else left - tags)
        if left is not None and marked != _escaped(text[begin:end]):
            break
        if marked:
            pieces.append(f"{_OPEN}{marked}{_CLOSE}")
            left = None if left is None else left - len(marked.encode()) - tags
        at = end
    return "".join(pieces)


def _escaped(text: str) -> str:
    return "".join(_ENTITIES.get(letter, letter) for letter in text)


def _cut(text: str, room: int | None) -> str:
    """As much of a text, escaped, as there is room for, no character and no entity split."""
    if room is None:
        return _escaped(text)
    pieces = []
    for letter in text:
        shown = _ENTITIES.get(letter, letter)
        room -= len(shown.encode())
        if room < 0:
            break
        pieces.append(shown)
    return "".join(pieces)
