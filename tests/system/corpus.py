"""A mailing list's mbox, made from a seed: threads, several languages and charsets, attachments, damaged messages."""

from __future__ import annotations

import random
from base64 import encodebytes
from collections.abc import Iterator
from pathlib import Path
from time import asctime, gmtime

PEOPLE = (
    ("Anna Weber", "anna@example.org"),
    ("=?utf-8?q?J=C3=B6rg_M=C3=BCller?=", "joerg@example.net"),
    ("=?iso-2022-jp?b?GyRCOzNFREJATzobKEI=?=", "yamada@example.jp"),
    ("Tom Baker", "tom@example.com"),
    ('"O\'Neill, Sam"', "sam@example.com"),
)
TOPICS = ("release", "packaging", "Unicode", "asyncio", "typing", "mailing list", "=?utf-8?b?0J7RgtGH0ZHRgg==?=")
WORDS = "the patch test bug thread reader writer socket frame please review merged branch today thanks later".split()
START = 1_700_000_000


def message(rng: random.Random, number: int) -> tuple[str, bytes]:
    """A message with its sender's address."""
    name, address = rng.choice(PEOPLE)
    topic = number // 7
    first = number % 7 == 0
    subject = f"{TOPICS[topic % len(TOPICS)]} {topic}"
    lines = [
        f"From: {name} <{address}>",
        "To: list@example.org",
        f"Subject: {subject if first else 'Re: ' + subject}",
        f"Date: {asctime(gmtime(START + number * 600))}",
        f"Message-ID: <{number}@list.example.org>",
    ]
    if not first:
        lines.append(f"In-Reply-To: <{topic * 7}@list.example.org>")
        lines.append(f"References: <{topic * 7}@list.example.org>")
    body = " ".join(rng.choice(WORDS) for _ in range(rng.randint(5, 120)))
    return address, "\n".join(lines).encode() + b"\n" + _body(rng, number, body)


def _body(rng: random.Random, number: int, text: str) -> bytes:
    kind = number % 11
    if kind == 3:
        picture = encodebytes(rng.randbytes(rng.randint(100, 3000))).decode()
        return (
            'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="sep"\n\n'
            f"--sep\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
            '--sep\nContent-Type: image/png; name="plot.png"\nContent-Disposition: attachment; filename="plot.png"\n'
            f"Content-Transfer-Encoding: base64\n\n{picture}\n--sep--\n"
        ).encode()
    if kind == 5:
        return (
            'MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary="alt"\n\n'
            f"--alt\nContent-Type: text/plain\n\n{text}\n--alt\nContent-Type: text/html\n\n<p>{text} &amp; more</p>\n--alt--\n"
        ).encode()
    if kind == 7:
        return b"Content-Type: text/plain; charset=iso-8859-1\n\nGr\xfc\xdfe, " + text.encode() + b"\n"
    if kind == 9:
        return b"Content-Type: multipart/mixed; boundary=lost\n\n--other\n\nno final boundary " + text.encode() + b"\n"
    return b"\n" + text.encode() + b"\n>From the quoting of mbox\n"


def write_mbox(path: Path, count: int, seed: int = 1) -> None:
    """Write an mbox of so many messages."""
    rng = random.Random(seed)
    with path.open("wb") as file:
        for number in range(count):
            address, raw = message(rng, number)
            file.write(f"From {address} {asctime(gmtime(START + number * 600))}\n".encode() + raw + b"\n")


def messages(count: int, seed: int = 1) -> Iterator[bytes]:
    """The same messages, one after the other."""
    rng = random.Random(seed)
    for number in range(count):
        yield message(rng, number)[1]
