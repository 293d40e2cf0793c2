"""Damaged and hostile messages: each gets the best reading there is, within bounds of time and memory."""

from __future__ import annotations

import gc
import time
import tracemalloc

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmapd.message.parse import BOUNDS
from jmapd.message.parts import NotParsable
from jmapd.message.prepare import Prepared, prepare
from jmapd.protocol import ijson
from tests.message.hostile import CORPUS, HEAD, TEXT, multipart, of_the_standard_library

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
}
"""What can be read of some."""


def well_made(prepared: Prepared) -> bytes:
    """What is kept of a message, which must be such that every JSON parser reads it."""
    text = orjson.dumps([prepared.properties, prepared.headers, prepared.body_structure, prepared.search])
    assert orjson.loads(text)
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
    try:
        text = well_made(prepare(raw))
    except NotParsable:
        return
    ijson.loads(text)


@given(st.sampled_from(sorted(LIBRARY) or [""]), st.data())
@settings(max_examples=100, deadline=None)
def test_messages_cut_and_joined_are_read(name: str, data: st.DataObject) -> None:
    raw = LIBRARY.get(name, HEAD + multipart(b"x", TEXT, TEXT))
    at, until = sorted(data.draw(st.tuples(st.integers(0, len(raw)), st.integers(0, len(raw)))))
    for changed in (raw[:at] + raw[until:], raw[:until] + raw[at:], raw[:at] + b"\0" * 3 + raw[at:]):
        try:
            well_made(prepare(changed))
        except NotParsable:
            continue
