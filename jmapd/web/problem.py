"""Problem details over HTTP (RFC 7807, RFC 8620 section 3.6.1)."""

from __future__ import annotations

from jmapd.protocol.errors import RequestError
from jmapd.protocol.subprotocol import Binding, render_error

JSON = b"application/json"
PROBLEM_JSON = b"application/problem+json"


class Refusal(Exception):
    """A request is answered with an error, whatever is left of its body.

    :param error: says what is wrong, and the status.
    :param headers: further header fields of the answer.
    """

    def __init__(self, error: RequestError, headers: dict[bytes, bytes] | None = None) -> None:
        super().__init__(error.detail)
        self.status = error.status
        self.limit = error.limit
        self.body = render_error(error, Binding.HTTP)
        self.headers = {b"Content-Type": PROBLEM_JSON, b"Cache-Control": b"no-store", **(headers or {})}


def refusal(status: int, detail: str, headers: dict[bytes, bytes] | None = None) -> Refusal:
    """An error that has no type of its own."""
    return Refusal(RequestError(None, detail, status=status), headers)
