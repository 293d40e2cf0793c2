"""Damaged and hostile messages: each gets the best reading there is, within bounds of time and memory."""

from __future__ import annotations

import base64
import encodings
import gc
import re
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmapd.message.parse import BOUNDS, parse
from jmapd.message.parts import NotParsable
from jmapd.message.prepare import Prepared, prepare
from jmapd.message.transfer import decode
from jmapd.protocol import ijson
from tests.message.hostile import CORPUS, HEAD, TEXT, attached, encoded, field, multipart, of_the_standard_library

Mutation = Callable[[bytes, int], bytes]

SECONDS_PER_MB = 3.0
"""Of CPU: twenty times what the slowest takes, so that only what grows faster than its message is found."""

OCTETS_PER_OCTET = 60
LEAST_OCTETS = 30_000_000

NO_MESSAGE = {"NULs alone", "nothing", "white space"}

LIBRARY = dict(of_the_standard_library())

SHOWN = {
    "no boundary": "hello walrus",
    "no final boundary": "hello walrus",
    "the same boundary again": "hello walrus",
    "carriage returns alone": "hello walrus",
    "line feeds alone": "hello walrus",
    "mixed line ends": "hello walrus",
    "NULs": "hello walrus",
    "a body alone": "hello walrus",
    "an unknown charset": "walrus",
    "a wrong charset": "grüße walrus",
    "a charset that is code": "hello walrus",
    "a charset of a megabyte": "hello walrus",
    "an unknown encoding": "hello walrus",
    "damaged quoted-printable": "hello walrus",
    "damaged base64": "hello walru",
    "parameters without end": "hello walrus",
    "semicolons": "hello walrus",
    "HTML of entities": "walrus",
    "HTML without end": "walrus",
    "marks of two kinds in a body": "walrus",
    "surrogates in UTF-7": "hello \ufffd walrus",
    "surrogates by escapes": "hello \\ud800 walrus",
    "a body behind a gigantic field": "hello walrus",
    "a body behind a gigantic header": "hello walrus",
    "a gigantic header and line feeds alone": "hello walrus",
    "HTML of formats left open": "walrus walrus",
    "HTML of attributes behind quotes": "walrus",
}
"""What can be read of some."""


def well_made(prepared: Prepared) -> bytes:
    """What is kept of a message, which must be such that every JSON parser reads it."""
    text = orjson.dumps([prepared.properties, prepared.headers, prepared.body_structure, prepared.search])
    assert ijson.loads(text)
    assert len(prepared.text_body) + len(prepared.attachments) <= 2 * BOUNDS.max_parts
    assert len(prepared.headers) <= BOUNDS.max_header_fields
    return text


@pytest.mark.parametrize("name", CORPUS)
def test_time_and_memory_are_bounded_by_the_size(name: str) -> None:
    raw = CORPUS[name]()
    gc.collect()
    began = time.process_time()
    try:
        prepared = prepare(raw)
    except NotParsable:
        assert name in NO_MESSAGE
        return
    assert name not in NO_MESSAGE
    assert time.process_time() - began < SECONDS_PER_MB * max(1, len(raw) / 1e6)
    well_made(prepared)
    if name in SHOWN:
        assert SHOWN[name] in f"{prepared.properties['preview']} {prepared.search['body']}"
    tracemalloc.start()
    try:
        prepare(raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < max(LEAST_OCTETS, OCTETS_PER_OCTET * len(raw))


@pytest.mark.parametrize("name", LIBRARY)
def test_messages_of_the_standard_librarys_own_tests(name: str) -> None:
    well_made(prepare(LIBRARY[name]))


pieces = st.sampled_from(
    [
        HEAD,
        TEXT,
        multipart(b"x", TEXT, TEXT),
        multipart(b"y", TEXT, closed=False),
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"--x\r\n",
        b"--x--\r\n",
        b"--y\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n",
        b"Content-Type: text/html; charset=utf-16\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Disposition: attachment; filename*0*=utf-8''%e4; filename*2=x\r\n",
        b"Subject: =?utf-8?b?w6Q=?= =?x?q?=zz?=\r\n",
        b'To: a: b@c, "d" <e@f>, (g\r\n',
        b"Date: Mon, 31 Feb 2026 25:00:00 +9999\r\n",
        b" folded\r\n",
        b"<html><b>walrus",
        b"\xff\xfe\xed\xa0\x80",
    ]
)


@given(st.lists(st.one_of(pieces, st.binary(max_size=8)), max_size=30).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_is_read_or_is_no_message(raw: bytes) -> None:
    with suppress(NotParsable):
        well_made(prepare(raw))


@given(st.sampled_from(sorted(LIBRARY) or [""]), st.data())
@settings(max_examples=100, deadline=None)
def test_messages_cut_and_joined_are_read(name: str, data: st.DataObject) -> None:
    raw = LIBRARY.get(name, HEAD + multipart(b"x", TEXT, TEXT))
    at, until = sorted(data.draw(st.tuples(st.integers(0, len(raw)), st.integers(0, len(raw)))))
    for changed in (raw[:at] + raw[until:], raw[:until] + raw[at:], raw[:at] + b"\0" * 3 + raw[at:]):
        with suppress(NotParsable):
            well_made(prepare(changed))


IN_A_WORKER = """
import resource
from jmapd.message.prepare import prepare
from tests.message.hostile import CORPUS
resource.setrlimit(resource.RLIMIT_DATA, (512 << 20, 512 << 20))
for name, make in CORPUS.items():
    if name.startswith("HTML"):
        prepare(make())
        print(name)
"""


def test_html_is_read_within_a_workers_memory() -> None:
    """Its parser's memory is not Python's, so the system counts it, and ends what takes more."""
    done = subprocess.run([sys.executable, "-c", IN_A_WORKER], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [name for name in CORPUS if name.startswith("HTML")]


def test_charsets_that_nobody_knows_are_not_remembered() -> None:
    before = len(encodings._cache)
    prepare(CORPUS["charsets that nobody knows"]())
    assert len(encodings._cache) <= before + 1


def test_the_size_of_a_part_is_that_of_what_it_is_decoded_to() -> None:
    raw = CORPUS["carriage returns alone and quoted-printable"]()
    part = parse(raw)
    assert part.size == len(decode(raw[part.offset : part.offset + part.length], part.encoding))


def with_nuls(raw: bytes, at: int) -> bytes:
    return raw[:at] + b"\0\0" + raw[at:]


def without_a_line(raw: bytes, at: int) -> bytes:
    lines = raw.splitlines(keepends=True)
    del lines[at % len(lines)]
    return b"".join(lines)


def with_a_line_twice(raw: bytes, at: int) -> bytes:
    """A header field, a delimiter or text."""
    lines = raw.splitlines(keepends=True)
    line = lines[at % len(lines)]
    return b"".join((*lines[: at % len(lines)], line, line, *lines[at % len(lines) :]))


def with_boundaries_twice(raw: bytes, at: int) -> bytes:
    return raw.replace(b"\n--", b"\n--x\r\n\r\n--")


def of_another_charset(raw: bytes, at: int) -> bytes:
    charset = (b"utf-7", b"utf-16", b"iso-2022-jp", b"hz", b"x-none", b"utf-8", b"unicode_escape")[at % 7]
    return re.sub(rb"(charset=)[^\s;]+", rb"\1" + charset, raw)


def of_another_encoding(raw: bytes, at: int) -> bytes:
    encoding = (b"base64", b"quoted-printable", b"x-none")[at % 3]
    return b"Content-Transfer-Encoding: " + encoding + b"\r\n" + raw


def within_another(raw: bytes, at: int) -> bytes:
    return HEAD + multipart((b"x", b"y", b"xx")[at % 3], raw, TEXT, closed=bool(at % 2))


def with_other_line_ends(raw: bytes, at: int) -> bytes:
    return raw.replace(b"\r\n", (b"\r", b"\n", b"\n\r")[at % 3])


MUTATIONS = (
    with_nuls,
    without_a_line,
    with_a_line_twice,
    with_boundaries_twice,
    of_another_charset,
    of_another_encoding,
    within_another,
    with_other_line_ends,
)

SEEDS = [
    HEAD
    + multipart(
        b"x", TEXT, b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>walrus \xe4</p>\r\n", multipart(b"y", TEXT)
    ),
    encoded(b"base64", base64.encodebytes("grüße walrus".encode() * 20)),
    encoded(b"quoted-printable", b"gr=C3=BC=C3=9Fe walrus=\r\n and more"),
    field(b"Subject", b"=?utf-8?b?w6Q=?= =?iso-2022-jp?b?GyRCOzNFREJATzobKEI=?="),
    attached(3),
]


@given(
    st.sampled_from([*SEEDS, *LIBRARY.values()]),
    st.lists(st.tuples(st.sampled_from(MUTATIONS), st.integers(0, 5000)), min_size=1, max_size=6),
)
@settings(max_examples=300, deadline=None)
def test_damaged_messages_are_read_and_their_parts_lie_inside(raw: bytes, steps: list[tuple[Mutation, int]]) -> None:
    for change, at in steps:
        raw = change(raw, at) if raw else raw
    try:
        well_made(prepare(raw))
    except NotParsable:
        return
    for part in parse(raw).leaves():
        assert 0 <= part.offset <= part.offset + part.length <= len(raw)
        assert part.size == len(decode(raw[part.offset : part.offset + part.length], part.encoding))
