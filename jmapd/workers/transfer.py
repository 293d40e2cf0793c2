"""Uploads and downloads on the workers' side: each operation is short, and none holds a worker for a slow client."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from typing import Any

import attrs

from jmapd.datatypes.email.prepare import read_raw
from jmapd.message.transfer import decode_chunk
from jmapd.protocol.errors import SetError
from jmapd.protocol.limits import UploadBounds
from jmapd.store import accounts, uploads
from jmapd.store.accounts import Access
from jmapd.store.blobs import INLINE, Piece, blob_id
from jmapd.store.store import Store
from jmapd.workers.answers import Answer, OperationRefused

CHUNK = 262_144
"""Octets read for one answer."""

_TOKEN = re.compile(r"[0-9a-f]{32}\Z")
_NOT_FOUND = OperationRefused("notFound", "There is no such account, or no such blob in it.")


@attrs.frozen
class Transfer:
    """The operations of uploads and downloads.

    An upload under way is a file in ``incoming`` named by a token that the front made.
    """

    store: Store
    bounds: UploadBounds

    def upload_append(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Add bytes to an upload."""
        with self._incoming(arguments["upload"]).open("ab") as file:
            file.write(body)
        return Answer({})

    def upload_drop(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Forget an upload under way."""
        self._incoming(arguments["upload"]).unlink(missing_ok=True)
        return Answer({})

    def upload_finish(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Make an upload's bytes durable, and read them if they are a message.

        ``upload`` is null where ``body`` is all of it. The answer is for `upload_record`: the blob's bytes, if it is
        small, and then the message's reading, if it is one.
        """
        self._writable(arguments)
        token = arguments["upload"]
        path = None if token is None else self._incoming(token)
        raw = body if path is None else path.read_bytes()
        hash = hashlib.sha256(raw).digest()
        reading = b""
        if arguments["type"].lower().partition(";")[0].strip() == "message/rfc822":
            try:
                reading = read_raw(raw, Piece(hash))
            except SetError:
                reading = b""
        inline = len(raw) <= INLINE
        if path is not None and not inline:
            self.store.blobs.adopt(path, hash)
        elif path is not None:
            path.unlink()
        elif not inline:
            self.store.blobs.write_file(raw)
        said = {"hash": hash.hex(), "size": len(raw), "data": len(raw) if inline else None}
        return Answer(said, (raw if inline else b"") + reading)

    def upload_record(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Name an upload in the store (RFC 8620 section 6.1)."""
        account = self._writable(arguments).account
        user, hash, size, inline = (arguments[name] for name in ("user", "hash", "size", "data"))
        blob = bytes.fromhex(hash)
        data, reading = (None, body) if inline is None else (body[:inline], body[inline:])
        database = self.store.database
        self.store.blobs.add(database, blob, size, data)
        uploads.keep(
            database,
            self.bounds,
            account=account,
            user=user,
            blob=blob,
            size=size,
            now=int(time.time() * 1000),
            prepared=reading or None,
        )
        return Answer({"blobId": blob_id(blob)})

    def blob_open(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Look a blob up, and give its first bytes."""
        account = self._access(arguments).account
        piece = Piece.of_id(arguments["blob"])
        database = self.store.database
        if piece is None or not uploads.may_read(database, account=account, user=arguments["user"], blob=piece.hash):
            raise _NOT_FOUND
        stored = self.store.blobs.size(database, piece.hash)
        if stored is None or not piece.lies_in(stored):
            raise _NOT_FOUND
        length = stored if piece.length is None else piece.length
        place = {"hash": piece.hash.hex(), "encoding": piece.encoding, "offset": piece.offset, "length": length}
        first = self.blob_read(place, b"")
        size = stored if piece.size is None else piece.size
        return Answer({**place, **first.arguments, "size": size}, first.body)

    def blob_read(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Give more bytes of a blob that was looked up: ``offset`` and ``length`` are what is left of it."""
        offset, length, encoding = arguments["offset"], arguments["length"], arguments["encoding"]
        hash = bytes.fromhex(arguments["hash"])
        used, size = 0, CHUNK
        while not used:
            final = length <= size
            encoded = self.store.blobs.read(self.store.database, hash, offset, min(length, size))
            if encoded is None:
                raise _NOT_FOUND
            decoded, used = decode_chunk(encoded, encoding, final)
            if final:
                used = length
                break
            # so damaged that none of it can be decoded without what follows
            size *= 2
        return Answer({"offset": offset + used, "length": length - used}, decoded)

    def _access(self, arguments: dict[str, Any]) -> Access:
        for access in accounts.accesses(self.store.database, arguments["user"]):
            if access.id == arguments["account"]:
                return access
        raise _NOT_FOUND

    def _writable(self, arguments: dict[str, Any]) -> Access:
        access = self._access(arguments)
        if access.read_only:
            raise OperationRefused("forbidden", "This account is read-only.")
        return access

    def _incoming(self, token: str) -> Path:
        if not _TOKEN.match(token):
            raise ValueError("an upload's token is 32 hexadecimal digits")
        return self.store.incoming / token
