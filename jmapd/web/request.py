"""An HTTP request that is authenticated, routed and bounded when its headers are complete, and then streams.

Twisted collects a body before it lets anybody look at a request. Here the headers alone decide what happens to the
body: each piece of it is handed on as it comes, the socket is paused while that takes time, and a request that is
refused is answered at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import BytesIO
from typing import Any, Protocol
from urllib.parse import unquote, unquote_to_bytes

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http

from jmapd.auth.principal import Principal
from jmapd.observe.clock import time_of_day
from jmapd.web.forwarded import Proxies
from jmapd.web.problem import Refusal, refusal

LINGER = 5.0
"""Seconds for which the rest of a refused body is read, so that the client can read the answer."""

BOUNDS_OF_LIMITS = {
    "maxSizeRequest": "request.max-size",
    "maxSizeUpload": "upload.max-size",
    "maxConcurrentUpload": "upload.max-concurrent",
    "maxConcurrentRequests": "request.max-concurrent",
}
"""What the configuration calls the limits of RFC 8620."""

_AUTHORITY = re.compile(rb"https?://[^/?]*", re.IGNORECASE)
_log = Logger()


class Body(Protocol):
    """Takes a request's body."""

    def write(self, data: bytes) -> Deferred[None] | None:
        """Take a piece; fires when the next one may come."""

    def finish(self) -> Deferred[Any] | None:
        """The body is complete: answer the request."""

    def abandon(self) -> None:
        """There will be no more of it."""


class NoBody:
    """For requests whose answer does not depend on a body.

    :param answer: called when the request is complete.
    """

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def write(self, data: bytes) -> None:
        """It is not looked at."""

    def finish(self) -> Deferred[Any] | None:
        """Answer."""
        result: Deferred[Any] | None = self._answer()
        return result

    def abandon(self) -> None:
        """Nothing was begun."""


class Resource(Protocol):
    """Something at a path."""

    methods: frozenset[bytes]
    public: bool
    """Whether it is for everybody, so that nobody is asked who they are."""
    takes_ticket: bool
    """Whether a client may say who it is in the query, as a browser must that cannot set a header field."""

    def open(self, request: Request, principal: Principal | None) -> Body:
        """The headers are complete and the client is known: what takes the body.

        :raises Refusal: where the request is to be answered with an error now.
        """


class Site(Protocol):
    """What a request asks: the tree, and who somebody is."""

    reactor: Any
    proxies: Proxies

    def resource(self, request: Request) -> Resource:
        """What is at the request's path; raises `Refusal`."""

    def authenticate(self, request: Request, resource: Resource) -> Deferred[Principal]:
        """Whom the request acts for; fails with `Refusal`."""

    def fields(self, request: Request) -> Iterable[tuple[bytes, bytes]]:
        """What is added to the header of every answer."""


class Channel(Protocol):
    """What a request came on: an HTTP/1.1 connection or a stream of an HTTP/2 one; beside this what Twisted asks of it.

    :ivar lingers: whether a request that is answered before its body is complete has the rest of it read: the answer
        would be lost with the connection otherwise.
    :ivar user: is told whom the request acts for.
    :ivar factory: its ``log`` is told of the request's end; has the metrics.
    """

    lingers: bool
    user: str
    factory: Any

    def pause(self) -> None:
        """Read nothing more for now."""

    def resume(self) -> None:
        """Read on."""

    def send_continue(self) -> None:
        """Tell the client to send the body (RFC 9110 section 10.1.1)."""

    def answered_early(self, request: Request) -> None:
        """A request is being answered whose body is not complete."""

    def abort(self) -> None:
        """End it now, as something that failed."""

    def hand_over(self, successor: IProtocol) -> tuple[Any, bytes]:
        """Leave it to another protocol.

        :returns: the successor's transport, and what has come behind the request.
        """


class Request(http.Request):
    """One request.

    :ivar protocol: the ``:protocol`` of an extended CONNECT (RFC 8441), which HTTP/2 sets; else ``None``.
    """

    channel: Any
    """The `Channel`; ``None`` when the connection is gone."""

    path = b""

    def __init__(self, channel: Channel, site: Site) -> None:
        super().__init__(channel, False)  # type: ignore[arg-type]  # Twisted gives it other channels itself
        self.site = site
        self.protocol: bytes | None = None
        self.segments: list[str] = []
        self._query = b""
        self._body: Body | None = None
        self._pending: list[bytes] = []
        self._complete = False
        self._writing: Deferred[Any] | None = None
        self._answered = False
        self._lost = False
        self._linger: Any = None
        self.principal: Principal | None = None
        """Whom it acts for, when that is known."""
        self.begun: float | None = None
        """When its first line had come, on the reactor's clock."""
        self.logged = False

    def begin(self, method: bytes, target: bytes, version: bytes) -> None:
        """What the request is about; its header follows."""
        self.begun = self.site.reactor.seconds()
        self.method, self.clientproto = method, version
        # a request may name the server too, as those to a proxy do (RFC 9112 section 3.2.2)
        self.uri = _AUTHORITY.sub(b"", target) or b"/"
        self.path, _, self._query = self.uri.partition(b"?")
        self.segments = [unquote(part.decode("ascii", "replace")) for part in self.path.split(b"/")[1:]]

    @property
    def client_address(self) -> str:
        """The IP address that the request came from, behind the proxies that are trusted; ``unix`` for a unix socket."""
        return self.site.proxies.client_address(self.client, self.requestHeaders)

    def header(self, name: bytes) -> bytes | None:
        """A header field, or ``None``."""
        value: bytes | None = self.requestHeaders.getRawHeaders(name, [None])[-1]
        return value

    def parameter(self, name: bytes) -> bytes | None:
        """A variable of the query, as URI templates expand it (RFC 6570 section 3.2.8)."""
        pairs = (pair.partition(b"=") for pair in self._query.split(b"&"))
        return next((unquote_to_bytes(value) for key, _, value in pairs if key == name), None)

    def tokens(self, name: bytes) -> list[bytes]:
        """The items of a header field that is a list, in lower case."""
        values = self.requestHeaders.getRawHeaders(name, [])
        return [item.strip().lower() for value in values for item in value.split(b",")]

    def gotLength(self, length: int | None) -> None:
        """The headers are complete; ``length`` is ``None`` for a chunked body."""
        self.content = BytesIO()
        self.body_length = length
        try:
            resource = self.site.resource(self)
        except Refusal as error:
            self.refuse(error)
            return
        if resource.public:
            self._open(None, resource)
            return
        self._pause()
        known = self.site.authenticate(self, resource)
        known.addCallback(self._open, resource)
        known.addErrback(self._failed)

    def _open(self, principal: Principal | None, resource: Resource) -> None:
        """The client may go on."""
        if self._lost:
            return
        if principal is not None:
            self.principal = principal
            self.channel.user = principal.name
        try:
            self._body = resource.open(self, principal)
        except Refusal as error:
            self.refuse(error)
            return
        if (self.header(b"Expect") or b"").lower() == b"100-continue" and self._awaits_body():
            self.channel.send_continue()
        self._resume()
        self._go_on()

    def _awaits_body(self) -> bool:
        return self.body_length != 0 and not self._pending and not self._complete and self.clientproto != b"HTTP/1.0"

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body has come."""
        if not self._answered:
            self._pending.append(data)
            self._go_on()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The body is complete."""
        self._complete = True
        if self._answered:
            self._end()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Hand on what has come, piece by piece."""
        while self._body is not None and self._writing is None and not self._answered:
            if self._pending:
                data = b"".join(self._pending)
                self._pending.clear()
                self._wait(self._body.write, data)
            elif self._complete:
                body, self._body = self._body, None
                done = self._called(body.finish)
                if done is not None:
                    done.addErrback(self._failed)
                return
            else:
                return

    def _wait(self, write: Any, data: bytes) -> None:
        written = self._called(write, data)
        if written is None or written.called:
            return
        self._writing = written
        self._pause()
        written.addCallbacks(self._written, self._failed)

    def _written(self, result: Any) -> None:
        self._writing = None
        self._resume()
        self._go_on()

    def _called(self, function: Any, *arguments: Any) -> Deferred[Any] | None:
        try:
            result: Deferred[Any] | None = function(*arguments)
        except Refusal as error:
            self.refuse(error)
            return None
        return result

    def _failed(self, failure: Failure) -> None:
        self._writing = None
        if failure.check(CancelledError):
            return
        if failure.check(Refusal):
            assert isinstance(failure.value, Refusal)
            self.refuse(failure.value)
            return
        _log.failure("a request failed", failure)
        self.refuse(refusal(500, "The server met an error of its own."))

    def refuse(self, error: Refusal) -> None:
        """Answer with an error, whatever is left of the body."""
        if error.limit is not None and not self._lost:
            self.channel.factory.metrics.hit(BOUNDS_OF_LIMITS.get(error.limit, error.limit))
        if self._body is not None:
            self._body.abandon()
            self._body = None
        self.respond(error.status, error.body, error.headers)

    def respond(self, status: int, body: bytes, headers: dict[bytes, bytes]) -> None:
        """Answer the request as a whole."""
        if self._answered or self._lost:
            return
        self.begin_response(status, len(body), headers)
        self.write(body)
        self.end_response()

    def begin_response(self, status: int, length: int | None, headers: dict[bytes, bytes]) -> None:
        """Write the answer's header; the body follows by `write`, and then `end_response`.

        :param length: in octets; ``None`` where nobody knows yet.
        """
        self._answered = True
        self.setResponseCode(status)
        for name, value in headers.items():
            self.setHeader(name, value)
        for name, value in self.site.fields(self):
            self.responseHeaders.addRawHeader(name, value)
        self.setHeader(b"Date", http.datetimeToString(time_of_day(self.site.reactor)))
        if length is not None and status not in http.NO_BODY_CODES:
            self.setHeader(b"Content-Length", str(length).encode())
        if not self._complete and self.body_length != 0:
            self.channel.answered_early(self)
        self._pending.clear()

    def end_response(self) -> None:
        """The answer has been written."""
        if self._complete or not self.channel.lingers:
            self._end()
            return
        self._resume()
        self._linger = self.site.reactor.callLater(LINGER, self._abort)

    def _end(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if not self._lost and not self.finished:
            self.finish()

    def _abort(self) -> None:
        self._linger = None
        if not self._lost:
            self.channel.abort()

    def connectionLost(self, reason: Failure) -> None:
        """The client is gone."""
        self._lost = True
        if self.begun is not None and not self.finished:
            self.channel.factory.log(self, answered=False)
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if self._body is not None:
            self._body.abandon()
            self._body = None
        super().connectionLost(reason)

    def _pause(self) -> None:
        self.channel.pause()

    def _resume(self) -> None:
        if not self._lost:
            self.channel.resume()


def peer_address(connection: Any) -> str:
    """The address at the other end of a connection; "unix" where that is a UNIX socket."""
    return getattr(connection.getPeer(), "host", None) or "unix"
