"""Downloads (RFC 8620 section 6.2): streamed as fast as the client reads, a piece at a time."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from zope.interface import implementer

from jmapd.auth.principal import Principal
from jmapd.web.problem import refusal
from jmapd.web.request import Body, NoBody, Request
from jmapd.web.resources import GET, unavailable
from jmapd.workers.pool import Pool
from jmapd.workers.transfers import Download

STALL = 120.0
"""Seconds for which a client may read nothing of a download."""

_TYPE = re.compile(rb"[!#-'*+\-.0-9A-Z^-~]+/[!#-'*+\-.0-9A-Z^-~]+(?:\s*;[\t -~]*)?\Z", re.IGNORECASE)
_UNSAFE = re.compile(r"[^ !#-\[\]-~]")


class Downloads:
    """Gives blobs at ``/jmap/download/{accountId}/{blobId}/{name}?type={type}``."""

    methods = GET
    public = False
    takes_ticket = False

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def open(self, request: Request, principal: Principal | None) -> Body:
        """Look the blob up, then send it."""
        assert principal is not None
        if len(request.segments) != 5 or not all(request.segments[2:4]):
            raise refusal(404, "A download is at /jmap/download/{accountId}/{blobId}/{name}.")
        account, blob, name = request.segments[2:]
        media_type = request.parameter(b"type") or b"application/octet-stream"
        if not _TYPE.match(media_type):
            raise refusal(400, "type is no media type.")
        etag = f'"{quote(blob)}"'.encode()

        def answer() -> Deferred[Any]:
            found = Download.open(self._pool, principal, account, blob)
            return found.addCallbacks(send, unavailable)

        def send(download: Download) -> Any:
            headers = {
                b"Content-Type": media_type,
                b"Content-Disposition": disposition(name),
                b"Cache-Control": b"private, immutable, max-age=31536000",
                b"X-Content-Type-Options": b"nosniff",
                b"Content-Security-Policy": b"sandbox",
                b"ETag": etag,
            }
            if etag in _tags(request):
                return request.respond(304, b"", headers)
            request.begin_response(200, download.size, headers)
            return _Sender(request, download).run()

        return NoBody(answer)


def _tags(request: Request) -> list[bytes]:
    values = request.requestHeaders.getRawHeaders(b"If-None-Match", [])
    return [item.strip().removeprefix(b"W/") for value in values for item in value.split(b",")]


def disposition(name: str) -> bytes:
    """A Content-Disposition that offers a blob as a file of this name (RFC 6266, RFC 8187)."""
    plain = _UNSAFE.sub("_", name)[:200]
    extended = "" if plain == name else f"; filename*=utf-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{extended}'.encode()


@implementer(IPushProducer)
class _Sender:
    """Writes a blob piece by piece, and waits while the client does not read."""

    def __init__(self, request: Request, download: Download) -> None:
        self._request = request
        self._download = download
        self._resumed: Deferred[None] | None = None
        self._stalled: IDelayedCall | None = None
        self._stopped = False

    @inlineCallbacks
    def run(self) -> Any:
        """Send it all, as far as the client stays."""
        if self._request.method == b"HEAD":
            self._request.end_response()
            return
        self._request.registerProducer(self, True)
        left = self._download.size
        while left > 0 and not self._stopped:
            data = yield self._download.read()
            if not data:
                break
            if self._resumed is not None:
                yield self._resumed
            if not self._stopped:
                self._request.write(data[:left])
                left -= len(data)
        if self._stopped:
            return
        self._request.unregisterProducer()
        if left > 0:
            # less than was promised: the client must not take it for the whole
            self._request.channel.abort()
        else:
            self._request.end_response()

    def pauseProducing(self) -> None:
        """The client does not read."""
        if self._resumed is None:
            self._resumed = Deferred()
            self._stalled = self._request.site.reactor.callLater(STALL, self._give_up)

    def _give_up(self) -> None:
        self._request.channel.abort()

    def resumeProducing(self) -> None:
        """The client reads again."""
        if self._stalled is not None and self._stalled.active():
            self._stalled.cancel()
        resumed, self._resumed = self._resumed, None
        if resumed is not None:
            resumed.callback(None)

    def stopProducing(self) -> None:
        """The client is gone."""
        self._stopped = True
        self.resumeProducing()
