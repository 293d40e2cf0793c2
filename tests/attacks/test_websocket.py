"""Attacks over the WebSocket: frames without end, readers that do not read, other sites' pages, JSON that is none."""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from itertools import chain, islice, repeat

import pytest

from tests.attacks.line import Line
from tests.attacks.test_http1 import statuses
from tests.attacks.witness import CREDENTIALS, unharmed
from tests.system.server import Server
from tests.web.peer import PING, PONG, TEXT, frame, upgrade

AUTHORIZATION = b"Authorization: Basic " + CREDENTIALS.encode()
CONTINUED = 0
OPENED = b"\r\n\r\n"
CORE = b'"using":["urn:ietf:params:jmap:core"]'
ECHO = b'{"@type":"Request",' + CORE + b',"methodCalls":[["Core/echo",{"a":1},"0"]]}'
ENABLE = b'{"@type":"WebSocketPushEnable","dataTypes":null}'
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate"


def opened(server: Server, *more: bytes) -> Line:
    line = Line(server)
    line.send(upgrade("/jmap/ws", *more, authorization=AUTHORIZATION))
    received = line.receive(3, OPENED)
    assert statuses(received) == [101], received
    return line


def begun(piece: bytes) -> Iterator[bytes]:
    """A message that goes on for ever."""
    return chain([frame(TEXT, b"{", fin=False)], repeat(piece))


FLOODS = {
    "empty fragments": lambda: begun(frame(CONTINUED, fin=False) * 500),
    "fragments of one octet": lambda: begun(frame(CONTINUED, b" ", fin=False) * 500),
    "pings": lambda: repeat(frame(PING, b"x" * 125) * 100),
    "pings between fragments": lambda: begun((frame(CONTINUED, b"", fin=False) + frame(PING)) * 250),
    "pongs": lambda: repeat(frame(PONG) * 500),
    "empty messages": lambda: repeat(frame(TEXT) * 100),
    "messages that are none": lambda: repeat(frame(TEXT, b"{}") * 100),
    "pushes on and off": lambda: repeat(frame(TEXT, ENABLE) + frame(TEXT, b'{"@type":"WebSocketPushDisable"}')),
    "Requests": lambda: repeat(frame(TEXT, ECHO) * 100),
    "a fragment that is announced as large": lambda: chain(
        [struct.pack("!BBQ", 0x81, 0xFF, 1 << 62) + bytes(4)], repeat(bytes(65_536))
    ),
    "a message that does not end": lambda: begun(frame(CONTINUED, b" " * 60_000, fin=False)),
}


@pytest.mark.parametrize("name", FLOODS)
def test_rfc6455_10_4_a_flood_harms_nobody_else(server: Server, name: str) -> None:
    """None of it is read."""
    with unharmed(server):
        lines = [opened(server) for _ in range(3)]
        for line in lines:
            line.blast(islice(FLOODS[name](), 500), 0.2, 500_000)
        for line in lines:
            line.close()


def test_readers_that_never_read_their_answers(server: Server) -> None:
    """Large ones: each Request is asked for again and again by its own results."""
    again = b",".join(
        b'["Core/echo",{"#a":{"resultOf":"0","name":"Core/echo","path":"/a"}},"%d"]' % number for number in range(1, 16)
    )
    first = b'["Core/echo",{"a":"' + b"x" * 100_000 + b'"},"0"],'
    large = b'{"@type":"Request",' + CORE + b',"methodCalls":[' + first + again + b"]}"
    with unharmed(server):
        lines = [opened(server) for _ in range(5)]
        for line in lines:
            line.send(frame(TEXT, ENABLE))
            # it reads nothing, and is stopped where the server reads no more
            line.blast(repeat(frame(TEXT, large), 100), 0.5, 10_000_000)
        for line in lines:
            line.close()


def test_the_requests_of_one_user_that_wait_are_bounded_and_the_others_are_told(server: Server) -> None:
    with unharmed(server):
        lines = [opened(server) for _ in range(4)]
        for line in lines:
            line.send(frame(TEXT, ECHO) * 600)
        received = b""
        for line in lines:
            received += line.receive(1.5)
            line.close()
        refused = received.count(b"maxConcurrentRequests")
        # each one is answered or refused
        assert received.count(b'"Core/echo"') + refused <= 2400
        assert received.count(b'"Core/echo"') > 500


def test_rfc6455_10_2_the_pages_of_other_sites_open_no_socket(server: Server) -> None:
    for origin in (b"https://evil.example", b"null", b"http://localhost", b"https://localhost.evil.example", b""):
        line = Line(server)
        line.send(upgrade("/jmap/ws", b"Origin: " + origin, authorization=AUTHORIZATION))
        assert statuses(line.receive(3, b"}")) == [403], origin
        line.close()


def test_who_says_nothing_of_themselves_opens_no_socket_even_behind_somebody_elses_request(server: Server) -> None:
    line = Line(server)
    line.send(b"GET /jmap/session HTTP/1.1\r\nHost: localhost\r\n" + AUTHORIZATION + b"\r\n\r\n")
    line.send(upgrade(authorization=b""))
    assert statuses(line.receive(3, b"HTTP/1.1 401")) == [200, 401]
    line.close()


def request(arguments: bytes) -> bytes:
    return b'{"@type":"Request","id":"r",' + CORE + b',"methodCalls":[["Core/echo",' + arguments + b',"0"]]}'


JSON = {
    "depth": request(b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"),
    "depth of objects": request(b'{"a":' * 200_000 + b"1" + b"}" * 200_000),
    "depth without an end": b'{"@type":"Request","a":' + b"[" * 5_000_000,
    "names twice": request(b'{"a":1,"a":2}'),
    "names twice, escaped": request(b'{"a":1,"\\u0061":2}'),
    "a lone surrogate": request(b'{"a":"\\ud800"}'),
    "a lone surrogate's name": request(b'{"\\udfff":1}'),
    "a huge integer": request(b'{"a":' + b"9" * 1_000_000 + b"}"),
    "a huge exponent": request(b'{"a":1e999999999}'),
    "no number": request(b'{"a":NaN}'),
    "NUL": request(b'{"a":"\0"}'),
    "many small values": request(b'{"a":[' + b"0," * 2_000_000 + b"0]}"),
    "many names": request(b"{" + b",".join(b'"%d":0' % number for number in range(100_000)) + b"}"),
}


@pytest.mark.parametrize("name", JSON)
def test_rfc7493_2_json_that_is_none_is_told_so(server: Server, name: str) -> None:
    with unharmed(server):
        line = opened(server)
        line.received.clear()
        line.send(frame(TEXT, JSON[name]))
        received = line.receive(8, b'"@type":"Re')
        # what is only large may be answered, or be too much for a worker
        kind = b"Re" if name.startswith("many") else b"RequestError"
        assert b'"@type":"' + kind in received, received[:300]
        line.close()


def test_a_deflate_bomb_is_not_inflated(server: Server) -> None:
    """Where the extension is not negotiated such a frame is an error (RFC 6455 section 5.2), which is a bound too."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(packed.compress(bytes(1 << 20)) for _ in range(200)) + packed.flush(zlib.Z_SYNC_FLUSH)
    text = bytearray(frame(TEXT, bomb[:-4]))
    text[0] |= 0x40
    with unharmed(server):
        lines = [opened(server, DEFLATE) for _ in range(5)]
        for line in lines:
            line.received.clear()
            line.send(bytes(text) * 3)
        for line in lines:
            received = line.receive(3)
            assert re.search(rb"\x88.(\x03\xea|\x03\xf1)", received, re.DOTALL), received[:200]
            line.close()


def test_frames_of_rubbish_end_their_connection(server: Server) -> None:
    with unharmed(server):
        for size in (2, 100, 10_000):
            line = opened(server)
            line.spray([b"\xff" + os.urandom(size)], 1)
            line.receive(0.3)
            line.close()
