"""Messages for the benchmark: the same octets for the same number, of the sizes and shapes that mail has."""

from __future__ import annotations

import base64
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
_PEOPLE = ("Maya Lind", "Tomasz Wojcik", "Ines Duarte", "Jonas Berg", "Hanako Yamada", "Layla Haddad", "Ed Stone")
_WORDS = (
    "the boat leaves on time and nobody waits for letters from the harbour where old charts are sold by weight in "
    "winter while summer brings guests who ask for maps tea and a quiet room with a view of the sound"
).split()


def generated(number: int) -> bytes:
    """A message: most are a few KB of text, one in three has HTML, one in ten a file, one in two answers another."""
    chance = random.Random(number)
    lines = [*_header(number, chance), "MIME-Version: 1.0"]
    text = _text(chance, chance.choice((5, 10, 20, 80)))
    boundary = f"part-{number}"
    if chance.random() < 0.1:
        parts = [("text/plain; charset=utf-8", "8bit", text), ("application/octet-stream", "base64", _file(chance))]
        return _multipart(lines, "mixed", boundary, parts)
    if chance.random() < 0.33:
        html = "<html><body><p>" + text.replace("\r\n\r\n", "</p><p>") + "</p></body></html>"
        parts = [("text/plain; charset=utf-8", "8bit", text), ("text/html; charset=utf-8", "8bit", html)]
        return _multipart(lines, "alternative", boundary, parts)
    return "\r\n".join([*lines, "Content-Type: text/plain; charset=utf-8", "", text]).encode()


def _header(number: int, chance: random.Random) -> list[str]:
    sender, recipient = chance.sample(_PEOPLE, 2)
    thread = number - number % 4 if number % 2 else number
    subject = " ".join(random.Random(thread).choices(_WORDS, k=4)).capitalize()
    answers = [f"In-Reply-To: <{thread}@bench.example>"] if thread != number else []
    return [
        f"From: {_address(sender)}",
        f"To: {_address(recipient)}",
        f"Subject: {'Re: ' if answers else ''}{subject} {thread}",
        f"Date: {format_datetime(_FIRST + timedelta(minutes=37 * (number % 100_000)))}",
        f"Message-ID: <{number}@bench.example>",
        *answers,
    ]


def _address(name: str) -> str:
    return f"{name} <{name.split(maxsplit=1)[0].lower()}@bench.example>"


def _text(chance: random.Random, paragraphs: int) -> str:
    return "\r\n\r\n".join(" ".join(chance.choices(_WORDS, k=40)).capitalize() + "." for _ in range(paragraphs))


def _file(chance: random.Random) -> str:
    return base64.encodebytes(chance.randbytes(chance.choice((5_000, 50_000, 200_000)))).decode().replace("\n", "\r\n")


def _multipart(lines: list[str], kind: str, boundary: str, parts: list[tuple[str, str, str]]) -> bytes:
    lines += [f'Content-Type: multipart/{kind}; boundary="{boundary}"', ""]
    for media, encoding, content in parts:
        lines += [f"--{boundary}", f"Content-Type: {media}", f"Content-Transfer-Encoding: {encoding}", "", content]
    return "\r\n".join([*lines, f"--{boundary}--", ""]).encode()
