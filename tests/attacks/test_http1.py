"""Attacks over HTTP/1.1: slowness, sizes, one request in another (RFC 9112 section 11.2), somebody else's credentials."""

from __future__ import annotations

from itertools import chain, pairwise, repeat

import pytest

from tests.attacks.line import Line
from tests.attacks.witness import CREDENTIALS, ECHO, unharmed
from tests.system.server import Server

AUTHORIZATION = b"Authorization: Basic " + CREDENTIALS.encode() + b"\r\n"
HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
POST = b"POST /jmap/api/ HTTP/1.1\r\n" + HOST + AUTHORIZATION + JSON
SECRET = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
"""What must not be taken for a request."""


def statuses(received: bytes) -> list[int]:
    """The status of each answer; a body is never text that looks like one."""
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def answers(server: Server, sent: bytes) -> list[int]:
    line = Line(server)
    line.send(sent)
    received = line.receive(0.4)
    line.close()
    return statuses(received)


CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = {
    "both lengths": POST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + SECRET,
    "both lengths, chunked first": POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + SECRET,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(SECRET) + SECRET,
    "a list of lengths": POST + b"Content-Length: 0, %d\r\n\r\n" % len(SECRET) + SECRET,
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n" + SECRET,
    "a length that is negative": POST + b"Content-Length: -1\r\n\r\n" + SECRET,
    "a length with an underscore": POST + b"Content-Length: 0_0\r\n\r\n" + SECRET,
    "a length in hexadecimal": POST + b"Content-Length: 0x0\r\n\r\n" + SECRET,
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + SECRET,
    "two codings": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SECRET,
    "chunked twice": POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n" + SECRET,
    "a coding behind another octet": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SECRET,
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SECRET,
    "a name that is none": POST + b"Content(Length: 1\r\n\r\n" + SECRET,
    "a line that is folded": POST + b"X: 1\r\n Content-Length: 5\r\nContent-Length : 0\r\n\r\n" + SECRET,
    "a bare LF": POST + b"X: 1\nContent-Length: %d\r\nContent-Length: 0\r\n\r\n" % len(SECRET) + SECRET,
    "a bare CR": POST + b"Content-Length: 0\r\n\rX: 1\r\n\r\n" + SECRET,
    "NUL": POST + b"X: \0\r\nContent-Length: x\r\n\r\n" + SECRET,
    "a size with a sign": POST + CHUNKED + b"\r\n+0\r\n\r\n" + SECRET,
    "a size with 0x": POST + CHUNKED + b"\r\n0x0\r\n\r\n" + SECRET,
    "a negative size": POST + CHUNKED + b"\r\n-1\r\n\r\n" + SECRET,
    "a size with a space": POST + CHUNKED + b"\r\n 0 \r\n\r\n" + SECRET,
    "a size that is huge": POST + CHUNKED + b"\r\n" + b"f" * 16 + b"\r\n\r\n" + SECRET,
    "a size behind zeros": POST + CHUNKED + b"\r\n" + b"0" * 3000 + b"\r\n\r\n" + SECRET,
    "an extension with LF": POST + CHUNKED + b"\r\n0;x\n\r\n\r\n" + SECRET,
    "an extension without an end": POST + CHUNKED + b"\r\n0;" + b"x" * 20_000 + b"\r\n\r\n" + SECRET,
    "a chunk that is too short": POST + CHUNKED + b"\r\n5\r\n{}\r\n0\r\n\r\n" + SECRET,
    "a chunk that is too long": POST + CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n" + SECRET,
    "an old version": POST.replace(b"HTTP/1.1", b"HTTP/1.0") + CHUNKED + b"\r\n0\r\n\r\n" + SECRET,
    "another version": POST.replace(b"HTTP/1.1", b"HTTP/9.9") + b"Content-Length: 0\r\n\r\n" + SECRET,
    "a request line of two": b"GET / HTTP/1.1\n" + HOST + b"\n\n" + SECRET,
    "trailers": POST + CHUNKED + b"\r\n0\r\nContent-Length: %d\r\n" % len(SECRET) + SECRET,
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_rfc9112_11_2_what_is_not_clear_is_refused_and_nothing_behind_it_is_a_request(
    server: Server, name: str
) -> None:
    with unharmed(server):
        found = answers(server, SMUGGLED[name])
        assert 404 not in found, "the request inside was answered"
        assert len(found) <= 1
        assert all(400 <= status < 600 for status in found)


def test_cve_2023_46137_and_cve_2024_41671_answers_come_in_order_whatever_takes_long(server: Server) -> None:
    """Each with its own body, in one piece and in many."""
    sent = b""
    for number in range(20):
        body = ECHO.replace(b'{"a":1}', b'{"n":%d}' % number)
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        chunked = CHUNKED + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        sent += POST + (length + body if number % 2 else chunked)
        sent += b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
    for step in (len(sent), 700):
        line = Line(server)
        for at in range(0, len(sent), step):
            line.send(sent[at : at + step])
        received = line.receive(5, b'{"n":19}')
        line.close()
        assert statuses(received)[:39] == [200] * 39
        places = [received.index(b'{"n":%d}' % number) for number in range(20)]
        assert places == sorted(places)
        # a page is between each two of them
        pages = [received.count(b"<title>", first, last) for first, last in pairwise(places)]
        assert pages == [1] * 19


def test_cve_2019_18928_a_request_has_nobodys_credentials_but_its_own(server: Server) -> None:
    line = Line(server)
    line.send(b"GET /jmap/session HTTP/1.1\r\n" + HOST + AUTHORIZATION + b"\r\n")
    line.receive(3, b'"username"')
    line.send(b"GET /jmap/session HTTP/1.1\r\n" + HOST + b"\r\n")
    received = line.receive(3, b"HTTP/1.1 401")
    line.close()
    assert statuses(received) == [200, 401]
    both = b"GET /jmap/session HTTP/1.1\r\n" + HOST + AUTHORIZATION + b"\r\n"
    assert answers(server, both + both.replace(AUTHORIZATION, b"")) == [200, 401]


def test_slow_headers_and_slow_bodies(server: Server) -> None:
    with unharmed(server):
        headers = [Line(server) for _ in range(100)]
        bodies = [Line(server) for _ in range(100)]
        for line in bodies:
            line.send(POST + b"Content-Length: 1000\r\n\r\n{")
        for at in range(6):
            for line in headers:
                line.send(b"X"[at:] or b"y")
            for line in bodies:
                line.send(b" ")
            headers[0].receive(0.5)
        assert [line.receive(1) and line.open for line in headers] == [False] * 100
        for line in (*headers, *bodies):
            line.close()


BIG = {
    "a line": repeat(b"x" * 16_000, 1000),
    "a field": chain([b"GET / HTTP/1.1\r\n" + HOST + b"X: "], repeat(b"x" * 16_000, 1000)),
    "fields": chain([b"GET / HTTP/1.1\r\n" + HOST], repeat(b"X: x\r\n" * 1000, 1000)),
    "a field of many lines": chain([b"GET / HTTP/1.1\r\n" + HOST + b"X: x\r\n"], repeat(b" x\r\n" * 1000, 1000)),
    "empty lines": repeat(b"\r\n" * 1000, 1000),
    "trailers": chain([POST + CHUNKED + b"\r\n0\r\n"], repeat(b"X: x\r\n" * 1000, 1000)),
    "an extension": chain([POST + CHUNKED + b"\r\n1;"], repeat(b"x" * 16_000, 1000)),
    "a size": chain([POST + CHUNKED + b"\r\n"], repeat(b"0" * 16_000, 1000)),
    "a body": chain([POST + CHUNKED + b"\r\n"], repeat(b"4000\r\n" + b" " * 0x4000 + b"\r\n", 2000)),
    "small chunks": chain([POST + CHUNKED + b"\r\n"], repeat(b"1\r\n \r\n" * 2000, 300)),
    "wide names": (b"GET / HTTP/1.1\r\n" + HOST + b"%d-%s: x\r\n\r\n" % (n, b"n" * 8000) for n in range(500)),
}


@pytest.mark.parametrize("name", BIG)
def test_what_does_not_end_is_not_kept(server: Server, name: str) -> None:
    with unharmed(server, growth=60 * 1024 * 1024):
        line = Line(server)
        line.spray(BIG[name], 2)
        line.receive(0.1)
        line.close()


def test_names_of_fields_that_are_never_the_same_do_not_fill_the_memory(server: Server) -> None:
    with unharmed(server, growth=20 * 1024 * 1024):
        line = Line(server)
        for first in range(0, 4000, 40):
            fields = b"".join(b"%d%s: x\r\n" % (first + n, b"n" * 200) for n in range(40))
            line.send(b"GET / HTTP/1.1\r\n" + HOST + fields + b"\r\n")
            if not first % 400:
                line.receive(0.05)
        line.close()


def test_requests_without_an_end_whose_answers_nobody_reads(server: Server) -> None:
    with unharmed(server):
        lines = [Line(server) for _ in range(10)]
        for line in lines:
            line.send((b"GET / HTTP/1.1\r\n" + HOST + b"\r\n") * 500)
            line.send((POST + b"Content-Length: %d\r\n\r\n" % len(ECHO) + ECHO) * 50)
        for line in lines:
            line.close()
