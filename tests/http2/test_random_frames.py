"""Whatever frames come, whole or mutilated (RFC 9113 section 5.4): no exception, nothing left, no stream in another."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmapd.http2.frames import Frames, Header
from tests.http2.memory import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    PUSH,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Echo,
    Slow,
    Wire,
    block,
    field,
    frame,
    window,
)

EXAMPLES = 150
START = PREFACE + frame(SETTINGS, 0, 0)

POST = block(b"POST")
REQUESTS = (POST, POST, POST, POST + field(b"x-odd", b"\xff\x80"), POST + field(b"a(b", b"x"), POST + b"\x40\x01x\x01y")
"""Each has a body; the name of one's field is none, which is answered with 400."""

REFUSED = 4

BLOCKS = (
    *REQUESTS,
    block(b"GET"),
    block(b"HEAD"),
    block(b"CONNECT"),
    POST + field(b"content-length", b"3"),
    POST + field(b"connection", b"close"),
    POST + field(b":path", b"/"),
    field(b":status", b"100"),
    field(b"trailer", b"x"),
    b"\xbe",
    b"\x20\x3f\xe1\x1f\x82",
    b"",
)


def hostile(streams: st.SearchStrategy[int]) -> st.SearchStrategy[bytes]:
    """A frame of any kind, with flags and a payload that may fit it or not."""
    flags = st.sampled_from([0, END_STREAM, END_HEADERS, END_STREAM | END_HEADERS, 8, 0x20, 0x2D, 0xFF])
    numbers = st.sampled_from([0, 1, 8, 65_535, 2**31 - 1, 2**32 - 1]).map(lambda value: struct.pack("!I", value))
    pair = st.builds(lambda code, value: struct.pack("!HI", code, value), st.integers(0, 12), st.integers(0, 2**32 - 1))
    payloads = {
        DATA: st.binary(max_size=20),
        HEADERS: st.one_of(st.sampled_from(BLOCKS), st.binary(max_size=30)),
        PRIORITY: st.binary(min_size=5, max_size=5),
        RST_STREAM: numbers,
        SETTINGS: st.lists(pair, max_size=4).map(b"".join),
        PUSH: numbers,
        PING: st.binary(min_size=8, max_size=8),
        GOAWAY: st.binary(min_size=8, max_size=12),
        WINDOW_UPDATE: numbers,
        CONTINUATION: st.sampled_from(BLOCKS),
    }
    known = [st.builds(frame, st.just(type), flags, streams, payload) for type, payload in payloads.items()]
    return st.one_of(*known, st.builds(frame, st.integers(0, 255), flags, streams, st.binary(max_size=20)))


@attrs.define
class Session:
    """Streams that are opened, filled, ended and reset as they may be, and what is to come back on them."""

    octets: bytes = START
    open: dict[int, bytes] = attrs.field(factory=dict)
    ended: dict[int, bytes] = attrs.field(factory=dict)
    refused: set[int] = attrs.field(factory=set)
    reset: set[int] = attrs.field(factory=set)
    next: int = 1

    def step(self, kind: str, number: int, data: bytes) -> None:
        if kind == "raw":
            self.octets += data
        elif kind == "open":
            which = number % len(REQUESTS)
            self.octets += frame(HEADERS, END_HEADERS, self.next, REQUESTS[which])
            self.open[self.next] = b""
            if which == REFUSED:
                self.refused.add(self.next)
            self.next += 2
        elif kind == "common":
            unknown = frame(SETTINGS, 0, 0, struct.pack("!HI", 100 + number % 3, number))
            self.octets += (frame(PING, 0, 0, bytes(8)), window(0, 1 + number), unknown)[number % 3]
        elif self.open:
            self._on_one(kind, list(self.open)[number % len(self.open)], data)

    def _on_one(self, kind: str, stream: int, data: bytes) -> None:
        if kind == "data":
            self.open[stream] += data
            self.octets += frame(DATA, 0, stream, data)
        elif kind == "end":
            self.ended[stream] = self.open.pop(stream) + data
            self.octets += frame(DATA, END_STREAM, stream, data)
        elif kind == "window":
            self.octets += window(stream, 1 + len(data))
        elif kind == "reset":
            self.open.pop(stream)
            self.reset.add(stream)
            self.octets += frame(RST_STREAM, 0, stream, bytes(4))


def sessions(hostile_frames: st.SearchStrategy[bytes] | None = None) -> st.SearchStrategy[Session]:
    """Several streams at once, from the beginning; with few hostile frames, or none would get far."""
    kinds = st.sampled_from(["open", "data", "data", "data", "data", "end", "window", "common", "reset"])
    usual = st.tuples(kinds, st.integers(0, 50), st.binary(min_size=1, max_size=12))
    inserted = st.lists(
        st.tuples(st.integers(0, 50), st.nothing() if hostile_frames is None else hostile_frames), max_size=3
    )

    def made(first: list[int], steps: list[Any], hostile: list[tuple[int, bytes]]) -> Session:
        session = Session()
        for number in first:
            session.step("open", number, b"")
        for at, step in enumerate(steps):
            for place, octets in hostile:
                if place % len(steps) == at:
                    session.step("raw", 0, octets)
            session.step(*step)
        while session.open:
            session.step("end", 0, b"")
        return session

    first = st.lists(st.integers(0, 5), min_size=3, max_size=3)
    steps = st.lists(usual, min_size=10, max_size=30)
    return st.builds(made, first, steps, inserted if hostile_frames is not None else st.just([]))


ANY = hostile(st.sampled_from([0, 1, 3, 5, 7, 2, 31, 2**31 - 1]))
FOREIGN = hostile(st.sampled_from([0, 2, 2**31 - 1]))
"""Of streams that are no honest one's."""

CUTS = st.lists(st.integers(0, 10_000), max_size=8)
BODIES = pytest.mark.parametrize("body", [Echo, Slow])


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[first:last] for first, last in pairwise(places)]


def played(data: bytes, cuts: list[int], body: type[Echo], times: list[int]) -> Wire:
    """A connection to which all of that has come, some time apart."""
    wire = Wire(body)
    for number, piece in enumerate(in_pieces(data, cuts)):
        wire.give(piece)
        wire.clock.advance(times[number] if number < len(times) else 0)
    wire.turn(40)
    wire.take()
    return wire


@BODIES
def test_sessions_are_answered_each_stream_with_what_is_its_own(body: type[Echo]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(sessions(), CUTS)
    def check(session: Session, cuts: list[int]) -> None:
        wire = played(session.octets, cuts, body, [])
        assert not wire.over
        for stream, content in session.ended.items():
            if stream in session.refused:
                assert stream in wire.ended
            else:
                assert (wire.data[stream], stream in wire.ended) == (content, True)
        wire.lose()

    check()


@BODIES
def test_what_others_do_does_not_get_into_a_streams_content(body: type[Echo]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(sessions(FOREIGN), CUTS)
    def check(session: Session, cuts: list[int]) -> None:
        wire = played(session.octets, cuts, body, [])
        for stream, content in session.ended.items():
            if stream not in session.refused:
                assert content.startswith(wire.data[stream])
                assert stream not in wire.ended or wire.data[stream] == content
        wire.lose()

    check()


@BODIES
def test_any_frames_raise_nothing_and_leave_nothing(body: type[Echo]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(sessions(ANY), CUTS, st.lists(st.integers(0, 130), max_size=6))
    def check(session: Session, cuts: list[int], times: list[int]) -> None:
        played(session.octets, cuts, body, times).lose()

    check()


@BODIES
def test_mutilated_octets_raise_nothing_and_leave_nothing(body: type[Echo]) -> None:
    changes = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=3)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(sessions(), changes, CUTS)
    def check(session: Session, changes: list[tuple[int, int]], cuts: list[int]) -> None:
        data = bytearray(session.octets)
        for at, octet in changes:
            # a preface that is none is one case, and the rest of the octets are the more
            data[max(at % len(data), at % (4 * len(PREFACE)) % len(data))] = octet
        played(bytes(data), cuts, body, []).lose()

    check()


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=50)), max_size=10), CUTS)
def test_frames_are_cut_where_they_end_however_they_come(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    seen: list[Header] = []
    cutter = Frames(seen.append)
    whole = [PREFACE, *(frame(type, 0, number, payload) for number, (type, payload) in enumerate(frames))]
    parts = [bytes(part) for piece in in_pieces(b"".join(whole), cuts) for part in cutter.cut(piece)]
    assert b"".join(parts) == b"".join(whole)
    assert [(one.type, one.length, one.stream) for one in seen] == [
        (type, len(payload), number) for number, (type, payload) in enumerate(frames)
    ]
    # no piece has octets of two frames
    at, ends = 0, [sum(map(len, whole[: number + 1])) for number in range(len(whole))]
    for part in parts:
        assert not any(at < end < at + len(part) for end in ends)
        at += len(part)
