"""Uploads (RFC 8620 section 6.1): streamed to the store, never whole in memory."""

from __future__ import annotations

from typing import Any

import orjson
from twisted.internet.defer import Deferred

from jmapd.auth.claims import INSUFFICIENT_SCOPE
from jmapd.auth.principal import Principal
from jmapd.protocol.errors import RequestError, limit
from jmapd.web.problem import JSON, Refusal, refusal
from jmapd.web.request import Body, Request
from jmapd.web.resources import POST, unavailable
from jmapd.workers.pool import Pool
from jmapd.workers.transfers import Upload

_DEFAULT_TYPE = "application/octet-stream"


class Uploads:
    """Takes uploads at ``/jmap/upload/{accountId}/``."""

    methods = POST
    public = False
    takes_ticket = False

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._under_way: dict[int, int] = {}

    def open(self, request: Request, principal: Principal | None) -> Body:
        """Begin one."""
        assert principal is not None
        account, *rest = request.segments[2:] or [""]
        if not account or any(rest):
            raise refusal(404, "An upload goes to /jmap/upload/{accountId}/.")
        if principal.read_only:
            raise refusal(403, "This token may only read.", {b"WWW-Authenticate": INSUFFICIENT_SCOPE})
        if request.body_length is not None and request.body_length > self._pool.limits.max_size_upload:
            raise self._too_large()
        if self._under_way.get(principal.user, 0) >= self._pool.limits.max_concurrent_upload:
            most = self._pool.limits.max_concurrent_upload
            raise Refusal(limit("maxConcurrentUpload", f"At most {most} uploads at a time."))
        self._under_way[principal.user] = self._under_way.get(principal.user, 0) + 1
        media_type = (request.header(b"Content-Type") or b"").decode("latin-1").strip() or _DEFAULT_TYPE
        return _UploadBody(self, request, Upload(self._pool, principal, account, media_type), principal)

    def ended(self, principal: Principal) -> None:
        """One upload less is under way."""
        self._under_way[principal.user] -= 1
        if not self._under_way[principal.user]:
            del self._under_way[principal.user]

    def check_size(self, size: int) -> None:
        """Refuse an upload that has grown too large."""
        if size > self._pool.limits.max_size_upload:
            raise self._too_large()

    def _too_large(self) -> Refusal:
        error = RequestError(
            "limit", f"An upload may have {self._pool.limits.max_size_upload} octets.", 413, "maxSizeUpload"
        )
        return Refusal(error)


class _UploadBody:
    def __init__(self, uploads: Uploads, request: Request, upload: Upload, principal: Principal) -> None:
        self._uploads = uploads
        self._request = request
        self._upload = upload
        self._principal: Principal | None = principal
        self._size = 0

    def write(self, data: bytes) -> Deferred[None]:
        self._size += len(data)
        self._uploads.check_size(self._size)
        return self._upload.write(data).addErrback(unavailable)

    def finish(self) -> Deferred[Any]:
        done = self._upload.finish().addBoth(self._release)
        return done.addCallbacks(self._answer, unavailable)

    def _answer(self, made: dict[str, Any]) -> None:
        headers = {b"Content-Type": JSON, b"Cache-Control": b"no-store"}
        self._request.respond(201, orjson.dumps(made), headers)

    def abandon(self) -> None:
        self._upload.drop()
        self._release(None)

    def _release(self, result: Any) -> Any:
        if self._principal is not None:
            self._uploads.ended(self._principal)
            self._principal = None
        return result
