"""Uploads and downloads on the front's side: a series of short operations, with nothing held in between."""

from __future__ import annotations

import secrets
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, succeed

from jmapd.auth.principal import Principal
from jmapd.workers.pool import Pool, Reply

SMALL = 65_536
"""Octets up to which an upload is kept in memory until it is finished, for most uploads are small."""


class Upload:
    """An upload under way (RFC 8620 section 6.1).

    :param account_id: as the client named it; whether the user may see it is said by `finish` at the latest.
    :param media_type: the Content-Type that came with it.
    """

    def __init__(self, pool: Pool, principal: Principal, account_id: str, media_type: str) -> None:
        self._pool = pool
        self._principal = principal
        self._account_id = account_id
        self._media_type = media_type
        self._token: str | None = None
        self._buffer = b""

    def write(self, data: bytes) -> Deferred[None]:
        """Add bytes; wait for it before the next ones."""
        self._buffer += data
        if len(self._buffer) <= SMALL:
            return succeed(None)
        if self._token is None:
            self._token = secrets.token_hex(16)
        return self._append()

    def _append(self) -> Deferred[None]:
        data, self._buffer = self._buffer, b""
        return self._pool.perform("upload_append", {"upload": self._token}, data).addCallback(lambda _: None)

    @inlineCallbacks
    def finish(self) -> Any:
        """All bytes are there.

        :returns: fires with the object of RFC 8620 section 6.1, or fails with `OperationRefused` ``notFound`` where
            the user may not see the account, ``forbidden`` where they may not change it.
        """
        if self._token is not None and self._buffer:
            yield self._append()
        about = {"user": self._principal.user, "account": self._account_id}
        arguments = {**about, "upload": self._token, "type": self._media_type}
        read: Reply = yield self._pool.perform("upload_finish", arguments, self._buffer)
        self._token = None
        kept: Reply = yield self._pool.perform("upload_record", {**read.arguments, **about}, read.body)
        return {
            "accountId": self._account_id,
            "blobId": kept.arguments["blobId"],
            "type": self._media_type,
            "size": read.arguments["size"],
        }

    def drop(self) -> None:
        """The client has gone, or sent too much."""
        if self._token is not None:
            dropped = self._pool.perform("upload_drop", {"upload": self._token})
            dropped.addErrback(lambda _: None)
            self._token = None


class Download:
    """A blob, or a part of a message, to be read from its start to its end (RFC 8620 section 6.2).

    :param size: its octets.
    """

    def __init__(self, pool: Pool, first: Reply) -> None:
        self._pool = pool
        self._next: bytes | None = first.body
        self._place = {name: first.arguments[name] for name in ("hash", "encoding", "offset", "length")}
        self.size: int = first.arguments["size"]

    @classmethod
    def open(cls, pool: Pool, principal: Principal, account_id: str, blob_id: str) -> Deferred[Download]:
        """Look a blob up.

        :returns: fires with the download, or fails with `OperationRefused` ``notFound``.
        """
        arguments = {"user": principal.user, "account": account_id, "blob": blob_id}
        return pool.perform("blob_open", arguments).addCallback(lambda first: cls(pool, first))

    def read(self) -> Deferred[bytes]:
        """The next bytes; none at the end."""
        if self._next:
            data, self._next = self._next, None
            return succeed(data)
        if not self._place["length"]:
            return succeed(b"")
        return self._pool.perform("blob_read", self._place).addCallback(self._came)

    def _came(self, reply: Reply) -> Any:
        self._place.update(reply.arguments)
        return reply.body or self.read()
