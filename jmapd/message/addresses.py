"""Address lists (RFC 5322 section 3.4), read in one pass over their tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

import attrs

from jmapd.message.words import decode_words

MAX_ADDRESSES = 10_000
"""Addresses and groups of a field that are read."""

MAX_CHARACTERS = 1_000_000

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"?|([<>:;,@()])|(\s+)|([^\s"<>:;,@()]+)', re.DOTALL)
_QUOTED = re.compile(r'"[^"]*"')
_SPACE = re.compile(r"\s")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@attrs.frozen
class Group:
    """Addresses under a name; those that are under none are in groups whose name is ``None``.

    :param addresses: pairs of display name and address.
    """

    name: str | None
    addresses: list[tuple[str | None, str]]


@attrs.define
class _Reading:
    """An address as far as it has been read.

    :param words: those of the phrase, each with whether it is quoted.
    :param literal: the same with its quotation marks, for it is the address where there are no angle brackets.
    :param angle: what is within angle brackets, if they have been met.
    """

    words: list[tuple[str, bool]] = attrs.field(factory=list)
    literal: list[str] = attrs.field(factory=list)
    angle: list[str] | None = None
    comment: str = ""

    def address(self) -> tuple[str | None, str] | None:
        """The address, or ``None`` where there is none."""
        if self.angle is not None:
            name = _phrase_of(self.words)
            return name or _phrase(self.comment), "".join(self.angle).strip()
        text = "".join(self.literal).strip()
        if "@" in text and not _SPACE.search(_QUOTED.sub("", text)):
            return _phrase(self.comment), text
        if "@" in text:
            # a name without brackets around the address: the word with the @ is it
            words = text.split()
            at = next(place for place, word in enumerate(words) if "@" in word)
            return _phrase(" ".join(words[:at] + words[at + 1 :])), words[at]
        return (None, text) if text else None


def parse_addresses(value: str) -> list[Group]:
    """The groups of an address list, the nameless ones among them.

    :param value: a field's Raw value.
    """
    groups: list[Group] = []
    current = Group(None, [])
    reading = _Reading()
    count = 0
    for kind, text in _tokens(value[:MAX_CHARACTERS]):
        if kind == "comment":
            reading.comment = reading.comment or text
        elif kind == "special" and text == "<" and reading.angle is None:
            reading.angle = []
        elif (kind == "special" and text in ",;") or (kind == "special" and text == ":" and reading.angle is None):
            if text == ":":
                groups.append(current)
                current = Group(_phrase_of(reading.words), [])
                count += 1
            elif address := reading.address():
                current.addresses.append(address)
                count += 1
            if text == ";":
                groups.append(current)
                current = Group(None, [])
            reading = _Reading()
            if count >= MAX_ADDRESSES:
                break
        elif not (kind == "special" and text == ">"):
            _word(reading, kind, text)
    if address := reading.address():
        current.addresses.append(address)
    groups.append(current)
    return [group for group in groups if group.addresses or group.name is not None]


def _word(reading: _Reading, kind: str, text: str) -> None:
    literal = f'"{text}"' if kind == "quoted" else text
    if reading.angle is not None:
        if kind != "space":
            reading.angle.append(literal)
    else:
        reading.words.append((text, kind == "quoted"))
        reading.literal.append(literal)


def _tokens(value: str) -> Iterator[tuple[str, str]]:
    """The tokens of an address list; a comment with all that is nested in it is one."""
    depth, start = 0, 0
    for match in _TOKEN.finditer(value):
        if match[2] == "(":
            depth += 1
            start = match.end() if depth == 1 else start
        elif match[2] == ")":
            depth = max(0, depth - 1)
            if not depth and start:
                yield "comment", value[start : match.start()]
                start = 0
        elif depth:
            continue
        elif match[1] is not None:
            yield "quoted", _ESCAPE.sub(r"\1", match[1])
        elif match[2]:
            yield "special", match[2]
        elif match[3]:
            yield "space", match[3]
        else:
            yield "word", match[4]


def _phrase(text: str) -> str | None:
    """A display name: encoded words decoded, white space folded."""
    return _phrase_of([(text, False)])


def _phrase_of(words: list[tuple[str, bool]]) -> str | None:
    """The same of words, of which the quoted ones are taken as they are (RFC 2047 section 5)."""
    runs = [(quoted, "".join(text for text, _ in run)) for quoted, run in groupby(words, itemgetter(1))]
    text = "".join(run if quoted else decode_words(run) for quoted, run in runs)
    return " ".join(text.split()) or None
