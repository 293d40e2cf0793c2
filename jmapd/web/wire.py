"""Answers in HTTP/1.1 that are written outside of a request, where none could be read (RFC 9112)."""

from __future__ import annotations

from http import HTTPStatus

from jmapd.web.problem import Refusal


def whole_response(error: Refusal) -> bytes:
    """The octets of an answer after which the connection is closed."""
    phrase = HTTPStatus(error.status).phrase.encode()
    headers = {**error.headers, b"Content-Length": str(len(error.body)).encode(), b"Connection": b"close"}
    lines = [b"HTTP/1.1 %d %s" % (error.status, phrase), *(b"%s: %s" % one for one in headers.items()), b"", b""]
    return b"\r\n".join(lines) + error.body
