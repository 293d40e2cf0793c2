"""A request and its answer on a stream: HTTP/2's fields as the resource tree knows them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from h2.errors import ErrorCodes
from twisted.python.failure import Failure

from jmapd.http2.stream import Stream
from jmapd.web.bounds import MAX_FIELD_NAME, Bounds
from jmapd.web.pace import Pace
from jmapd.web.problem import Refusal, refusal
from jmapd.web.request import Request, Site

VERSION = b"HTTP/2"

Fields = Sequence[tuple[bytes, bytes]]

_TARGET = re.compile(rb"/[!-~]*\Z|\*\Z")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_NO_BODY = frozenset((b"content-length", b"expect"))
_OVERHEAD = 32
"""What a field counts for beside its octets (RFC 9113 section 6.5.2)."""


class Exchange:
    """Gives a stream's content to the request that its header describes."""

    request: Request

    def __init__(self, stream: Stream, site: Site, bounds: Bounds) -> None:
        self._stream = stream
        self._bounds = bounds
        self.request = Request(stream, site)

    def begin(self, fields: Fields, ended: bool) -> None:
        """The header has come.

        :param fields: as HPACK had them; that each pseudo-header is there once and in front has been checked.
        :param ended: whether nothing follows.
        """
        request = self.request
        pseudo = {name: value for name, value in fields if name.startswith(b":")}
        method, target = pseudo.get(b":method", b""), pseudo.get(b":path", b"/")
        try:
            self._check(fields, pseudo)
        except Refusal as error:
            # nothing of it is kept: the answer may never be read
            request.begin(b"-", b"/", VERSION)
            request.body_length = 0 if ended else None
            request.refuse(error)
            return
        request.begin(method, target, VERSION)
        request.protocol = pseudo.get(b":protocol")
        # an extended CONNECT has no content: what comes is the tunnel's (RFC 8441 section 5)
        tunnel = method == b"CONNECT"
        for name, value in fields:
            if not name.startswith(b":") and not (tunnel and name in _NO_BODY):
                request.requestHeaders.addRawHeader(name, value)
        if b":authority" in pseudo:
            request.requestHeaders.setRawHeaders(b"host", [pseudo[b":authority"]])
        length = 0 if ended or tunnel else _length(request)
        if length != 0:
            self._stream.pace = Pace(request.site.reactor.seconds())
        if tunnel:
            self._stream.pause()
            self._stream.reserved = True
        request.gotLength(length)
        if tunnel:
            request.requestReceived(method, target, VERSION)

    def _check(self, fields: Fields, pseudo: dict[bytes, bytes]) -> None:
        method, target = pseudo.get(b":method", b""), pseudo.get(b":path", b"/")
        if len(fields) > self._bounds.max_header_fields:
            self._hit("max-header-fields")
            raise refusal(431, "The header has too many fields.")
        size = sum(len(name) + len(value) + _OVERHEAD for name, value in fields)
        if size > self._bounds.max_header_size or any(len(name) > MAX_FIELD_NAME for name, _ in fields):
            self._hit("max-header-size")
            raise refusal(431, "The header is too large.")
        if len(target) > self._bounds.max_request_line:
            self._hit("max-request-line")
            raise refusal(414, "The request's target is too long.")
        if method == b"CONNECT" and pseudo.get(b":protocol") != b"websocket":
            # RFC 9220 section 3: what the answer to an unknown :protocol should be
            raise refusal(501, "The only tunnel here is :protocol websocket.")
        if not _TARGET.match(target) or not _TOKEN.match(method) or pseudo.get(b":scheme") not in (b"https", b"http"):
            raise refusal(400, ":method, :scheme or :path is wrong.")
        if not all(_TOKEN.match(name) for name, _ in fields if name not in pseudo):
            raise refusal(400, "The name of a field is wrong.")

    def _hit(self, bound: str) -> None:
        self._stream.factory.metrics.hit(bound)

    def data_received(self, data: bytes) -> None:
        """A piece of the body."""
        self.request.handleContentChunk(data)

    def end_received(self) -> None:
        """The body is complete."""
        self._stream.pace = None
        self.request.requestReceived(self.request.method, self.request.uri, VERSION)

    def lost(self, reason: Failure) -> None:
        """The client has reset the stream, or is gone."""
        if not self.request.finished:
            self.request.connectionLost(reason)

    def look(self, now: float) -> None:
        """Whether the body comes fast enough, and the answer is read."""
        stream, bounds, pace = self._stream, self._bounds, self._stream.pace
        if stream.wants_to_send and now - stream.moved > bounds.idle_timeout:
            self._hit("idle-timeout")
            stream.reset(ErrorCodes.CANCEL)
        elif pace is not None and not pace.is_paused and pace.elapsed(now) >= bounds.body_timeout:
            if pace.came >= bounds.body_rate * bounds.body_timeout:
                pace.begin_again(now)
                return
            self._hit("body-timeout")
            stream.pace = None
            self.request.refuse(refusal(408, "The body came too slowly."))


def _length(request: Request) -> int | None:
    """What Content-Length says, which has been checked to be a number."""
    value = request.header(b"content-length")
    return None if value is None else int(value)
