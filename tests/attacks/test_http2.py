"""Attacks over HTTP/2 (RFC 9113 section 10.5): floods, resets, headers, and windows that are never opened."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from itertools import chain, count, repeat

import pytest

from tests.attacks.line import Line
from tests.attacks.witness import CREDENTIALS, unharmed
from tests.system.server import Server

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CALM = 0xB


def frame(type: int, flags: int, stream: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """A frame; its header may lie about its length."""
    size = len(payload) if length is None else length
    return struct.pack("!I", size)[1:] + bytes([type, flags]) + struct.pack("!I", stream) + payload


def number(value: int, bits: int, first: int = 0) -> bytes:
    """An integer of HPACK (RFC 7541 section 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    made, value = bytearray([first | most]), value - most
    while value >= 128:
        made.append(value % 128 + 128)
        value //= 128
    return bytes([*made, value])


def literal(name: bytes, value: bytes, *, indexed: bool = False) -> bytes:
    """A field (RFC 7541 sections 6.2.1 and 6.2.2)."""
    return bytes([0x40 if indexed else 0]) + number(len(name), 7) + name + number(len(value), 7) + value


def block(method: bytes = b"GET", path: bytes = b"/", *more: tuple[bytes, bytes]) -> bytes:
    """A request's header."""
    fields = [(b":method", method), (b":scheme", b"https"), (b":path", path), (b":authority", b"localhost"), *more]
    return b"".join(literal(name, value) for name, value in fields)


AUTHORIZED = (b"authorization", b"Basic " + CREDENTIALS.encode())
JSON = (b"content-type", b"application/json")
POST = block(b"POST", b"/jmap/api/", AUTHORIZED, JSON)
GET = block()


def request(stream: int, header: bytes = GET, flags: int = END_STREAM | END_HEADERS) -> bytes:
    return frame(HEADERS, flags, stream, header)


def begun(server: Server, settings: bytes = b"") -> Line:
    line = Line(server, "h2")
    line.send(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(SETTINGS, ACK, 0))
    return line


ZERO_WINDOW = struct.pack("!HI", 4, 0)


def goaway(received: bytes) -> int | None:
    """The error code of the GOAWAY frame, if there is one."""
    at = 0
    while at + 9 <= len(received):
        length, type = int.from_bytes(received[at : at + 3]), received[at + 3]
        if type == GOAWAY:
            return int.from_bytes(received[at + 13 : at + 17])
        at += 9 + length
    return None


def streams() -> Iterator[int]:
    return count(1, 2)


def rapid_reset(header: bytes) -> Iterator[bytes]:
    """CVE-2023-44487."""
    for stream in streams():
        yield request(stream, header) + frame(RST_STREAM, 0, stream, struct.pack("!I", 8))


def made_to_reset() -> Iterator[bytes]:
    """CVE-2025-8671: the window of a stream overflows, which only the server can answer with a reset."""
    for stream in streams():
        yield request(stream, POST, END_HEADERS) + frame(WINDOW_UPDATE, 0, stream, struct.pack("!I", 0x7FFFFFFF))


def on_what_is_over(type: int, payload: bytes) -> Iterator[bytes]:
    """CVE-2025-8671 again: frames on a stream that has been reset."""
    yield request(1, POST, END_HEADERS) + frame(RST_STREAM, 0, 1, struct.pack("!I", 8))
    yield from repeat(frame(type, 0, 1, payload) * 100)


def in_an_open_stream(piece: bytes) -> Iterator[bytes]:
    return chain([request(1, POST, END_HEADERS)], repeat(piece * 100))


def after(first: bytes, piece: bytes) -> Iterator[bytes]:
    return chain([first], repeat(piece * 100))


FLOODS: dict[str, Callable[[], Iterator[bytes]]] = {
    "rapid reset": lambda: rapid_reset(GET),
    "rapid reset of Requests": lambda: rapid_reset(POST),
    "windows that overflow": made_to_reset,
    "data on a closed stream": lambda: on_what_is_over(DATA, b""),
    "data of one octet on a closed stream": lambda: on_what_is_over(DATA, b"x"),
    "headers on a closed stream": lambda: on_what_is_over(HEADERS, GET),
    "windows of a closed stream": lambda: on_what_is_over(WINDOW_UPDATE, struct.pack("!I", 1)),
    "resets of a closed stream": lambda: on_what_is_over(RST_STREAM, struct.pack("!I", 8)),
    "data beyond the length": lambda: after(
        request(1, POST + literal(b"content-length", b"1"), END_HEADERS), frame(DATA, 0, 1, b"xx")
    ),
    "data behind the end": lambda: after(request(1), frame(DATA, 0, 1, b"x")),
    "a window of nothing": lambda: in_an_open_stream(frame(WINDOW_UPDATE, 0, 1, bytes(4))),
    "continuations": lambda: after(request(1, GET, 0), frame(CONTINUATION, 0, 1, b"")),
    "large continuations": lambda: after(request(1, GET, 0), frame(CONTINUATION, 0, 1, b"x" * 16_000)),
    "pings": lambda: repeat(frame(PING, 0, 0, bytes(8)) * 100),
    "pongs": lambda: repeat(frame(PING, ACK, 0, bytes(8)) * 100),
    "settings": lambda: repeat(frame(SETTINGS, 0, 0) * 100),
    "acknowledged settings": lambda: repeat(frame(SETTINGS, ACK, 0) * 100),
    "window that changes": lambda: repeat((frame(SETTINGS, 0, 0, ZERO_WINDOW) + frame(SETTINGS, 0, 0)) * 100),
    "empty data": lambda: in_an_open_stream(frame(DATA, 0, 1)),
    "padded data": lambda: in_an_open_stream(frame(DATA, 8, 1, b"\x05" + bytes(5))),
    "priorities": lambda: repeat(frame(PRIORITY, 0, 1, struct.pack("!IB", 3, 1)) * 100),
    "unknown frames": lambda: repeat(frame(0xEE, 0, 0, b"x") * 100),
    "alternative services": lambda: repeat(frame(0xA, 0, 0, b"\0\0x") * 100),
    "windows of the connection": lambda: repeat(frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", 1)) * 100),
    "windows of a stream": lambda: in_an_open_stream(frame(WINDOW_UPDATE, 0, 1, struct.pack("!I", 1))),
    "goodbyes": lambda: in_an_open_stream(frame(GOAWAY, 0, 0, bytes(8))),
    "pushes": lambda: repeat(frame(5, END_HEADERS, 1, struct.pack("!I", 2) + GET) * 100),
    "table sizes": lambda: repeat(frame(HEADERS, END_STREAM, 1, b"\x20" * 16_000) + frame(CONTINUATION, 0, 1, b"\x20")),
    "streams without an end": lambda: (request(stream, POST, END_HEADERS) for stream in streams()),
}
"""What asks nothing that costs the attacker anything; each is to end with the connection."""


@pytest.mark.parametrize("name", FLOODS)
def test_rfc9113_10_5_a_flood_ends_with_its_connection(server: Server, name: str) -> None:
    with unharmed(server):
        line = begun(server)
        line.spray(FLOODS[name]())
        error = goaway(line.receive(1))
        # what it had sent when it was told may have the kernel drop the goodbye
        assert not line.open, error
        assert error != 0
        line.close()


def test_a_client_that_goes_on_after_the_goodbye_is_not_listened_to_for_ever(server: Server) -> None:
    with unharmed(server):
        line = begun(server)
        line.spray(repeat(frame(PING, 0, 0, bytes(8)) * 10, 20))
        assert goaway(line.receive(0.5)) in (CALM, None)
        until = time.monotonic() + 8
        while line.send(b"x") and time.monotonic() < until:
            line.receive(0.2)
        assert not line.open
        line.close()


def test_frames_that_are_announced_as_large_are_not_waited_for(server: Server) -> None:
    with unharmed(server):
        lines = [begun(server) for _ in range(20)]
        for line in lines:
            line.spray(chain([frame(0xEE, 0, 0, length=0xFFFFFF)], repeat(bytes(1 << 20), 15)), 1)
            assert not line.open
            line.close()


def test_cve_2026_49975_references_to_a_large_field_on_many_streams_with_a_window_of_zero(server: Server) -> None:
    entry = literal(b"x-" + b"n" * 20, b"v" * 3900, indexed=True)
    with unharmed(server):
        lines = [begun(server, ZERO_WINDOW) for _ in range(10)]
        for line in lines:
            # the entry is number 62 of the table, and each octet of 0xBE is all of it again
            line.spray([request(1, GET + entry)], 1)
            line.spray((request(stream, GET + b"\xbe" * (1 + stream % 8)) for stream in range(3, 199, 2)), 1)
        for line in lines:
            line.close()


def test_many_small_references_are_too_many_fields_and_are_not_kept(server: Server) -> None:
    entry = literal(b"x", b"", indexed=True)
    with unharmed(server):
        lines = [begun(server, ZERO_WINDOW) for _ in range(10)]
        for line in lines:
            line.spray([request(1, GET + entry)], 1)
            line.spray((request(stream, GET + b"\xbe" * 900) for stream in range(3, 199, 2)), 1)
        for line in lines:
            line.close()


def test_header_lists_that_are_too_large_end_the_connection(server: Server) -> None:
    entry = literal(b"x", b"v" * 4000, indexed=True)
    with unharmed(server):
        for _ in range(20):
            line = begun(server)
            line.send(request(1, GET + entry + b"\xbe" * 12_000))
            assert goaway(line.receive(1)) in (CALM, None)
            assert not line.open
            line.close()


def test_blocks_that_cost_hpack_much_are_not_given_to_it(server: Server) -> None:
    sizes = b"\x20" * 16_000
    small = (literal(b"a", b"") * 5_000)[:16_000]
    with unharmed(server):
        for payload in (sizes, small):
            lines = [begun(server) for _ in range(5)]
            for line in lines:
                more = repeat(frame(CONTINUATION, 0, 1, payload), 60)
                line.spray(chain([frame(HEADERS, END_STREAM, 1, payload)], more), 1)
                assert not line.open or goaway(line.receive(1)) is not None
                line.close()


def test_settings_that_nobody_knows_are_not_kept(server: Server) -> None:
    with unharmed(server, growth=30 * 1024 * 1024):
        line = begun(server)
        for first in range(100, 15 * 2700, 2700):
            unknown = b"".join(struct.pack("!HI", code, 1) for code in range(first, first + 2700))
            line.send(frame(SETTINGS, 0, 0, unknown))
        line.receive(0.5)
        line.close()


def test_answers_that_are_never_read(server: Server) -> None:
    value = b"x" * 100_000
    references = b",".join(
        b'["Core/echo",{"#a":{"resultOf":"0","name":"Core/echo","path":"/a"}},"%d"]' % number for number in range(1, 16)
    )
    first = b'["Core/echo",{"a":"' + value + b'"},"0"],'
    body = b'{"using":["urn:ietf:params:jmap:core"],"methodCalls":[' + first + references + b"]}"
    pieces = [body[at : at + 16_000] for at in range(0, len(body), 16_000)]

    def whole(stream: int) -> bytes:
        frames = [frame(DATA, END_STREAM if piece is pieces[-1] else 0, stream, piece) for piece in pieces]
        return request(stream, POST, END_HEADERS) + b"".join(frames)

    with unharmed(server, growth=250 * 1024 * 1024):
        line = begun(server, ZERO_WINDOW)
        # the connection's window is large, each stream's is as it was said to be
        line.spray((whole(stream) for stream in range(1, 199, 2)), 5)
        received = line.receive(8)
        assert not line.open
        assert goaway(received) in (CALM, None)
        line.close()


def test_connections_that_read_nothing_at_all(server: Server) -> None:
    with unharmed(server):
        lines = [begun(server) for _ in range(10)]
        for line in lines:
            line.spray((request(stream, block(b"HEAD")) for stream in streams()), 0.3)
        for line in lines:
            line.close()


def test_slow_prefaces_and_slow_headers(server: Server) -> None:
    with unharmed(server):
        silent = [Line(server, "h2") for _ in range(20)]
        preface = [Line(server, "h2") for _ in range(20)]
        header = [begun(server) for _ in range(20)]
        for at in range(6):
            for line in preface:
                line.send(PREFACE[at : at + 1])
            for line in header:
                line.send(request(1)[at : at + 1])
            silent[0].receive(0.5)
        for line in (*silent, *preface, *header):
            line.receive(1)
            assert not line.open
            line.close()


def test_streams_that_are_opened_and_left(server: Server) -> None:
    with unharmed(server):
        lines = [begun(server) for _ in range(20)]
        for line in lines:
            line.spray((request(stream, POST, END_HEADERS) for stream in range(1, 199, 2)), 1)
        for line in lines:
            line.close()


def test_fields_that_are_none_are_no_surprise(server: Server) -> None:
    with unharmed(server):
        line = begun(server)
        for stream, more in enumerate([(b"a(b", b"x"), (b"n" * 300, b"x"), (b"x", b"\xff" * 100), (b"cookie", b"")]):
            line.send(request(2 * stream + 1, block(b"GET", b"/", more)))
        line.send(request(101, block(b"G T", b"/")) + request(103, block(b"GET", b"\\")))
        line.send(frame(PING, 0, 0, b"the last"))
        assert b"the last" in line.receive(2, b"the last")
        line.close()


def test_cve_2019_18928_a_stream_has_nobodys_credentials_but_its_own(server: Server) -> None:
    line = begun(server)
    line.send(request(1, block(b"GET", b"/jmap/session", AUTHORIZED)))
    assert b"anna@localhost" in line.receive(3, b"anna@localhost")
    line.received.clear()
    line.send(request(3, block(b"GET", b"/jmap/session")))
    second = line.receive(3, b"401")
    assert b"anna" not in second
    assert b"401" in second
    line.close()
