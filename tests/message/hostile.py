"""Messages that are damaged, or made to do harm: a corpus by name, and what of the standard library's tests there is."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from importlib import resources

HEAD = b"From: a@b\r\nTo: c@d\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
TEXT = b"Content-Type: text/plain\r\n\r\nhello walrus\r\n"


def multipart(boundary: bytes, *parts: bytes, closed: bool = True) -> bytes:
    """A multipart's header fields and body."""
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    end = b"--" + boundary + b"--\r\n" if closed else b""
    return b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n' + body + end


def nested(levels: int) -> bytes:
    part = TEXT
    for level in range(levels):
        part = multipart(b"b%d" % level, part)
    return HEAD + part


def attached(levels: int) -> bytes:
    raw = HEAD + TEXT
    for _ in range(levels):
        raw = HEAD + b"Content-Type: message/rfc822\r\n\r\n" + raw
    return raw


def html(body: bytes) -> bytes:
    return HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + body


def field(name: bytes, value: bytes) -> bytes:
    return name + b": " + value + b"\r\n" + HEAD + b"\r\nhello walrus\r\n"


def encoded(encoding: bytes, body: bytes, charset: bytes = b"utf-8") -> bytes:
    return (
        HEAD
        + b"Content-Type: text/plain; charset="
        + charset
        + b"\r\nContent-Transfer-Encoding: "
        + encoding
        + b"\r\n\r\n"
        + body
    )


MB = 1_000_000

CORPUS: dict[str, Callable[[], bytes]] = {
    "a million recipients": lambda: b"To: " + b",\r\n ".join(b"a%d@b.example" % n for n in range(MB)) + b"\r\n" + HEAD,
    "a million recipients in a line": lambda: b"To: " + b",".join([b"a@b"] * MB) + b"\r\n" + HEAD + b"\r\nx",
    "ten thousand parts": lambda: HEAD + multipart(b"x", *[TEXT] * 10_000),
    "a hundred thousand empty parts": lambda: HEAD + multipart(b"x", *[b""] * 100_000),
    "a thousand levels": lambda: nested(1000),
    "a thousand levels of messages": lambda: attached(1000),
    "a field of a megabyte": lambda: field(b"Subject", b"x" * MB),
    "a folded field of a megabyte": lambda: field(b"Subject", b"\r\n x" * (MB // 4)),
    "a hundred thousand fields": lambda: b"X: y\r\n" * 100_000 + HEAD + b"\r\nx",
    "a field name of a megabyte": lambda: field(b"X" * MB, b"y"),
    "a header without end": lambda: b"X-Long: y\r\n" * 300_000,
    "many encoded words": lambda: field(b"Subject", b"=?utf-8?q?a?= " * 100_000),
    "encoded words cut in two": lambda: field(b"Subject", b"=?utf-8?b?" * 100_000),
    "an encoded word without end": lambda: field(b"Subject", b"=?utf-8?q?" + b"a" * MB),
    "many references": lambda: field(b"References", b"<a@b>" * 200_000),
    "references without ends": lambda: field(b"References", b"<" * MB),
    "parentheses that open": lambda: field(b"To", b"(" * MB),
    "parentheses that nest": lambda: field(b"To", b"(" * 100_000 + b")" * 100_000 + b" a@b"),
    "quotes without end": lambda: field(b"To", b'"\\' * 500_000),
    "groups in groups": lambda: field(b"To", b"a:" * 300_000),
    "angle brackets": lambda: field(b"From", b"<" * 500_000 + b">" * 500_000),
    "parameters without end": lambda: (
        HEAD
        + b"Content-Type: text/plain"
        + b"".join(b"; name*%d*=%%41" % n for n in range(50_000))
        + b"\r\n\r\nhello walrus\r\n"
    ),
    "parameters out of order": lambda: (
        HEAD
        + b"Content-Type: text/plain"
        + b"".join(b"; name*%d=x" % n for n in range(2000, 0, -1))
        + b"\r\n\r\nhello walrus\r\n"
    ),
    "semicolons": lambda: HEAD + b"Content-Type: text/plain" + b";" * MB + b"\r\n\r\nhello walrus\r\n",
    "a boundary of a megabyte": lambda: HEAD + multipart(b"x" * MB, TEXT),
    "no boundary": lambda: HEAD + b"Content-Type: multipart/mixed\r\n\r\n" + TEXT,
    "boundaries that begin alike": lambda: HEAD + multipart(b"x", *[multipart(b"xx", TEXT)] * 300),
    "delimiters that are none": lambda: HEAD + multipart(b"x", TEXT, b"--xy\r\n" * 300_000),
    "dashes": lambda: HEAD + multipart(b"-", TEXT, b"-" * MB),
    "no final boundary": lambda: HEAD + multipart(b"x", TEXT, TEXT, closed=False),
    "the same boundary again": lambda: HEAD + multipart(b"x", multipart(b"x", TEXT), TEXT),
    "no line end": lambda: b"x" * MB,
    "carriage returns alone": lambda: (HEAD + TEXT).replace(b"\r\n", b"\r"),
    "line feeds alone": lambda: (HEAD + multipart(b"x", TEXT)).replace(b"\r\n", b"\n"),
    "mixed line ends": lambda: HEAD.replace(b"\r\n", b"\n") + TEXT,
    "a million lines": lambda: HEAD + b"\r\n" + b"\r\n" * MB,
    "NULs": lambda: (HEAD + TEXT).replace(b"s\r\n", b"s\0s\r\n").replace(b"hello", b"he\0llo") + b"\0" * 1000,
    "NULs alone": lambda: b"\0" * 1000,
    "nothing": lambda: b"",
    "white space": lambda: b" \t\r\n" * 1000,
    "a header alone": lambda: HEAD,
    "a body alone": lambda: b"\r\nhello walrus\r\n",
    "eight bits in fields": lambda: field(b"Subject", b"\xe4\xf6\xfc \xff\xfe"),
    "UTF-8 in fields": lambda: field(b"Subject", "Grüße 🦭".encode()),
    "surrogates in UTF-8": lambda: field(b"Subject", b"\xed\xa0\x80"),
    "an unknown charset": lambda: encoded(b"8bit", b"gr\xfc\xdfe walrus", b"x-nobody-knows"),
    "a wrong charset": lambda: encoded(b"8bit", "grüße walrus".encode(), b"us-ascii"),
    "UTF-16 that is not": lambda: encoded(b"8bit", b"hello walrus!", b"utf-16"),
    "UTF-7": lambda: encoded(b"7bit", b"+AOQ- walrus +", b"utf-7"),
    "a charset that is code": lambda: encoded(b"8bit", b"hello walrus", b"unicode_escape"),
    "a charset of a megabyte": lambda: encoded(b"8bit", b"hello walrus", b"x" * MB),
    "an unknown encoding": lambda: encoded(b"x-uuencode", b"hello walrus"),
    "damaged base64": lambda: encoded(b"base64", b"!!" + base64.b64encode(b"hello walrus")[:-1] + b"=*=="),
    "base64 of padding": lambda: encoded(b"base64", b"=" * MB),
    "base64 of one letter in lines": lambda: encoded(b"base64", b"A=\r\n" * 250_000),
    "damaged quoted-printable": lambda: encoded(b"quoted-printable", b"hello=20walrus=" + b"=" * 500_000 + b"=Z"),
    "HTML that nests": lambda: html(b"<div>" * 200_000 + b"walrus"),
    "HTML of tables": lambda: html(b"<table><tr><td>" * 60_000 + b"walrus"),
    "HTML that formats": lambda: html(b"<b><i><a>" * 30_000 + b"walrus"),
    "HTML of entities": lambda: html(b"&amp;" * 90_000 + b" walrus"),
    "HTML of attributes": lambda: html(b"<p " + b"a=b " * 200_000 + b">walrus"),
    "HTML without end": lambda: html(b"walrus <!--" + b"-" * MB),
    "HTML of brackets": lambda: html(b"<" * MB),
    "HTML of selects": lambda: html(b"<select><option>" * 50_000 + b"walrus"),
    "angle brackets in text": lambda: HEAD + b"Content-Type: text/plain\r\n\r\n" + b"<" * MB,
    "a date of a megabyte": lambda: field(b"Date", b"1" * MB),
    "dates that are none": lambda: field(b"Date", b"Mon, 99 Foo 99999 99:99:99 +9999") + b"Received: x; 0\r\n",
    "a subject of replies": lambda: field(b"Subject", b"Re: " * 100_000 + b"[Fwd: " * 1000 + b"x"),
    "a subject of brackets": lambda: field(b"Subject", b"[" * 100_000 + b"]" * 100_000),
    "a language list": lambda: field(b"Content-Language", b"a," * 500_000),
    "combining characters": lambda: field(b"Subject", ("a" + "\u0301" * 200_000).encode()),
    "marks of two kinds": lambda: field(b"Subject", ("a" + "\u0301\u0316" * 75_000).encode()),
    "marks of two kinds in a body": lambda: encoded(b"8bit", ("walrus a" + "\u0301\u0316" * 200_000).encode()),
    "long encoded words": lambda: field(b"Subject", (b"=?utf-8?q?" + b"a" * 200 + b"?= ") * 4700),
    "charsets that nobody knows": lambda: field(b"Subject", b"".join(b"=?x%d?q?a?= " % n for n in range(60_000))),
    "surrogates in UTF-7": lambda: encoded(b"7bit", b"hello +2AA- walrus", b"utf-7"),
    "surrogates in an encoded word": lambda: field(b"Subject", b"=?utf-7?q?a_+2AA-_b?="),
    "surrogates in a name": lambda: HEAD + b"Content-Type: image/png; name*=utf-7''%2B2AA-\r\n\r\nx",
    "surrogates by escapes": lambda: encoded(b"7bit", b"hello \\ud800 walrus", b"unicode_escape"),
    "surrogates in UTF-16": lambda: encoded(b"8bit", b"\x00\xd8a\x00", b"utf-16-le"),
    "a body behind a gigantic field": lambda: field(b"X-Long", b"y" * (2 * MB)),
    "a body behind a gigantic header": lambda: b"X-Long: y\r\n" * 200_000 + HEAD + TEXT,
    "a gigantic header and line feeds alone": lambda: b"X-Long: y\n" * 200_000 + b"\nhello walrus\n",
    "boundaries that each begin the next": lambda: (
        HEAD
        + b"".join(
            b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" % (b"x" * n, b"x" * n) for n in range(1, 50)
        )
        + b"\r\n"
        + (b"--" + b"x" * 60 + b"\r\n") * 40_000
    ),
    "a delimiter line that is long": lambda: HEAD + multipart(b"x", b"--x" + b" " * MB, TEXT),
    "base64 of one letter and none": lambda: encoded(b"base64", b"A" + b"!" * 700_000 + b"WJj"),
    "quoted-printable of escapes alone": lambda: encoded(b"quoted-printable", b"x" + b"=" * 700_001),
    "carriage returns alone and quoted-printable": lambda: encoded(b"quoted-printable", b"a=\r\nb\r\n").replace(
        b"\r\n", b"\r"
    ),
    "HTML of formats left open": lambda: html(
        b"<p>" + b"".join(b"<b id=%d>" % n for n in range(4000)) + b"<p>walrus" * 4000
    ),
    "HTML of attributes that all differ": lambda: html(
        b"<p " + b" ".join(b"a%d" % n for n in range(140_000)) + b">walrus"
    ),
    "HTML of attributes behind quotes": lambda: html(
        b"<p a='\"' " + b" ".join(b'a%d=">"' % n for n in range(40_000)) + b">walrus"
    ),
    "HTML of attributes behind comments": lambda: html(
        b"<<!-->p " + b" ".join(b"a%d" % n for n in range(70_000)) + b"> --> walrus"
    ),
    "HTML parts without text": lambda: (
        HEAD
        + multipart(
            b"x", *[b"Content-Type: text/html\r\n\r\n<p " + b" ".join(b"a%d" % n for n in range(60_000)) + b">"] * 8
        )
    ),
    "words that are long": lambda: HEAD + b"\r\n" + b"walrus" * 150_000,
    "many words": lambda: HEAD + b"\r\n" + b" ".join(b"w%d" % n for n in range(150_000)),
}


def of_the_standard_library() -> Iterator[tuple[str, bytes]]:
    """The messages of the standard library's own tests, which not every installation has."""
    try:
        folder = resources.files("test.test_email") / "data"
    except ModuleNotFoundError:
        return
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.name.endswith(".txt"):
            yield f"the standard library's {one.name}", one.read_bytes()
