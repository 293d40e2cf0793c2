"""The resources whose answers are short: a page for people, the Session, the API (RFC 8620 sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from jmapd.auth.principal import Principal
from jmapd.protocol.errors import limit
from jmapd.protocol.subprotocol import Binding
from jmapd.web.problem import JSON, PROBLEM_JSON, Refusal, refusal
from jmapd.web.request import Body, NoBody, Request
from jmapd.workers.pool import Answer, OperationRefused, Origin, Pool, Reply

GET = frozenset({b"GET", b"HEAD"})
POST = frozenset({b"POST"})

_PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>jmapd</title>
<h1>This is a JMAP mail server</h1>
<p>It is made for mail programs that speak JMAP; there is no web mail here. Tell yours this address:</p>
<p><code>{url}</code></p>
<ul><li>Session: <a href="/.well-known/jmap">{url}/.well-known/jmap</a>
<li>WebSocket: <code>{socket}</code></ul>
</html>
"""


class Page:
    """Shows a person where they are."""

    methods = GET
    public = True
    takes_ticket = False

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url

    def open(self, request: Request, principal: Principal | None) -> Body:
        """The page says nothing that not everybody may know."""
        url = escape(self._url())
        text = _PAGE.format(url=url, socket=f"ws{url.removeprefix('http')}/jmap/ws")
        headers = {
            b"Content-Type": b"text/html; charset=utf-8",
            b"Content-Security-Policy": b"default-src 'none'",
            b"X-Content-Type-Options": b"nosniff",
        }
        return NoBody(lambda: request.respond(200, text.encode(), headers))


class Session:
    """The Session object (RFC 8620 section 2), at its own path and at the well-known one.

    :param url: tells how clients reach the server.
    """

    methods = GET
    public = False
    takes_ticket = False

    def __init__(self, pool: Pool, url: Callable[[], str]) -> None:
        self._pool = pool
        self._url = url

    def open(self, request: Request, principal: Principal | None) -> Body:
        """Have a worker write it."""
        assert principal is not None

        def answer() -> Deferred[Any]:
            arguments = {
                "user": principal.user,
                "name": principal.name,
                "read_only": principal.read_only,
                "url": self._url(),
            }
            asked = self._pool.perform("session", arguments)
            # a client that leaves takes what waits for it along
            request.notifyFinish().addErrback(lambda _: asked.cancel())
            return asked.addCallbacks(shown, unavailable)

        def shown(reply: Reply) -> None:
            cache = b"no-cache, no-store, must-revalidate"
            request.respond(200, reply.body, {b"Content-Type": JSON, b"Cache-Control": cache})

        return NoBody(answer)


def unavailable(failure: Failure) -> Any:
    """What could not be done for a request."""
    failure.trap(OperationRefused)
    assert isinstance(failure.value, OperationRefused)
    if failure.value.kind == "notFound":
        raise refusal(404, "There is no such account or blob.")
    if failure.value.kind == "forbidden":
        raise refusal(403, failure.value.detail)
    if failure.value.kind == "tooLarge":
        raise refusal(413, failure.value.detail)
    if failure.value.kind == "overQuota":
        raise refusal(507, failure.value.detail)
    raise refusal(503, "The server cannot do this now.", {b"Retry-After": b"2"})


class API:
    """JMAP Requests over HTTP (RFC 8620 section 3.1)."""

    methods = POST
    public = False
    takes_ticket = False

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def open(self, request: Request, principal: Principal | None) -> Body:
        """Take a Request."""
        assert principal is not None
        media_type = (request.header(b"Content-Type") or b"").partition(b";")[0].strip().lower()
        if media_type != JSON:
            raise refusal(415, "A Request is application/json.")
        most = self._pool.limits.max_size_request
        if request.body_length is not None and request.body_length > most:
            raise _too_large(most)
        return _RequestBody(self._pool, most, request, principal)


class _RequestBody:
    def __init__(self, pool: Pool, most: int, request: Request, principal: Principal) -> None:
        self._pool = pool
        self._most = most
        self._request = request
        self._origin = Origin(principal)
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._most:
            raise _too_large(self._most)
        self._pieces.append(data)

    def finish(self) -> Deferred[Any]:
        answer = self._pool.submit(self._origin, b"".join(self._pieces), Binding.HTTP)
        # a client that leaves takes its waiting Request with it
        self._request.notifyFinish().addErrback(lambda _: answer.cancel())
        return answer.addCallback(self._answered)

    def _answered(self, answer: Answer) -> None:
        media_type = JSON if answer.status == 200 else PROBLEM_JSON
        headers = {b"Content-Type": media_type, b"Cache-Control": b"no-store"}
        self._request.respond(answer.status, answer.body, headers)

    def abandon(self) -> None:
        self._pieces.clear()


def _too_large(most: int) -> Refusal:
    return Refusal(limit("maxSizeRequest", f"A Request may have {most} octets."))
