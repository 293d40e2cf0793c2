"""Messages read and composed outside every transaction, before the writer stores them.

A Request that makes Emails names what it needs (`wanted_message`, `wanted_composition`), a reader makes it
(`prepare_message`), and the Request runs again with the results.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from jmapd.datatypes.email.reading import read
from jmapd.message.compose import blob_ids, compose
from jmapd.message.deliver import for_delivery
from jmapd.message.parts import NotParsable
from jmapd.message.transfer import decode
from jmapd.methods.context import PreparedMessage, Wanted
from jmapd.protocol.errors import SetError
from jmapd.store import uploads
from jmapd.store.blobs import INLINE, Piece
from jmapd.store.store import Store

MAX_ATTACHMENTS = 50_000_000
"""Octets of all the blobs that one new Email may refer to (RFC 8621 section 1.3, maxSizeAttachmentsPerEmail)."""


def wanted_message(account: int, blob_id: str) -> Wanted:
    """A stored message is to be read."""
    return Wanted(f"message {blob_id}", {"kind": "message", "account": account, "blob": blob_id})


def wanted_parse(account: int, blob_id: str) -> Wanted:
    """A blob is to be read as a message that is not stored as one."""
    return Wanted(f"parse {blob_id}", {"kind": "parse", "account": account, "blob": blob_id})


def wanted_composition(account: int, creation_id: str, email: Mapping[str, Any]) -> Wanted:
    """A message is to be composed from an Email's properties."""
    digest = hashlib.blake2b(orjson.dumps([creation_id, email], option=orjson.OPT_SORT_KEYS), digest_size=16)
    return Wanted(f"composition {digest.hexdigest()}", {"kind": "compose", "account": account, "email": email})


def wanted_delivery(store: Store, blob_id: str, mail_from: str) -> Wanted:
    """A message that is stored, be it by this very transaction, is to be written as it is delivered."""
    piece = Piece.of_id(blob_id)
    assert piece is not None
    data = store.blobs.inline(store.database, piece.hash)
    raw = None if data is None else base64.b64encode(data).decode()
    arguments = {"kind": "delivery", "hash": piece.hash.hex(), "raw": raw, "mail_from": mail_from}
    return Wanted(f"delivery {blob_id} {mail_from}", arguments)


def prepare_message(store: Store, user: int, arguments: Mapping[str, Any], now: int, hostname: str) -> PreparedMessage:
    """Read or compose a message.

    :param arguments: those of the `Wanted`.
    :param now: milliseconds since 1970, for the Date field.
    :param hostname: for the Message-ID field.
    :raises SetError: where the message cannot be made, or is none.
    """
    if arguments["kind"] == "delivery":
        return _stored(store, _delivered(store, arguments, now, hostname), None)
    account = arguments["account"]
    if arguments["kind"] == "compose":
        return _stored(store, _composed(store, account, user, arguments["email"], now, hostname), None)
    if arguments["kind"] == "parse":
        return parsed(store, account, user, arguments["blob"])
    raw = blob(store, account, user, arguments["blob"])
    if raw is None:
        raise SetError("blobNotFound", notFound=[arguments["blob"]])
    piece = Piece.of_id(arguments["blob"])
    assert piece is not None
    return _stored(store, raw, piece.hash if piece.length is None else None)


def blob(store: Store, account: int, user: int, blob_id: str) -> bytes | None:
    """The bytes of a blob, or of a part, that the user may see in the account; ``None`` where there is none."""
    piece = Piece.of_id(blob_id)
    if piece is None or not uploads.may_read(store.database, account=account, user=user, blob=piece.hash):
        return None
    raw = store.blobs.read(store.database, piece.hash, piece.offset, piece.length)
    return raw if raw is None else decode(raw, piece.encoding)


def parsed(store: Store, account: int, user: int, blob_id: str) -> PreparedMessage:
    """Read a blob, or a part of a message, as a message that is not stored as one.

    The parts of a message that is a part itself are told by where they are in the outer one; that cannot be told of
    one that is encoded there, which RFC 2046 section 5.2.1 does not allow.

    :raises SetError: ``blobNotFound`` or ``invalidEmail``.
    """
    raw = blob(store, account, user, blob_id)
    piece = Piece.of_id(blob_id)
    if raw is None or piece is None:
        raise SetError("blobNotFound", notFound=[blob_id])
    if piece.encoding != "identity":
        raise SetError("invalidEmail", "A message within another one must not be encoded.")
    return PreparedMessage(piece.hash, len(raw), None, read_raw(raw, piece))


def read_raw(raw: bytes, piece: Piece) -> bytes:
    """The packed reading of a message.

    :raises SetError: ``invalidEmail`` where it is no message at all.
    """
    try:
        return read(raw, piece).pack()
    except NotParsable:
        raise SetError("invalidEmail", "This is no message.") from None


def _stored(store: Store, raw: bytes, hash: bytes | None) -> PreparedMessage:
    """Read a message whose bytes are stored, or are kept in a file here if they are many."""
    known = hash is not None
    hash = hash or hashlib.sha256(raw).digest()
    reading = read_raw(raw, Piece(hash))
    small = len(raw) <= INLINE
    if not small and not known:
        store.blobs.write_file(raw)
    return PreparedMessage(hash, len(raw), raw if small and not known else None, reading)


def _delivered(store: Store, arguments: Mapping[str, Any], now: int, hostname: str) -> bytes:
    data = arguments["raw"]
    raw = store.blobs.read_file(bytes.fromhex(arguments["hash"])) if data is None else base64.b64decode(data)
    return for_delivery(raw, arguments["mail_from"], hostname, now, _new_message_id(hostname))


def _composed(store: Store, account: int, user: int, email: Mapping[str, Any], now: int, hostname: str) -> bytes:
    found: dict[str, bytes] = {}
    total = 0
    for id in blob_ids(email):
        data = blob(store, account, user, id)
        if data is not None:
            found[id] = data
            total += len(data)
        if total > MAX_ATTACHMENTS:
            raise SetError("tooLarge", f"The attachments of an Email may have {MAX_ATTACHMENTS} octets.")
    return compose(
        email,
        found.__getitem__,
        now=datetime.fromtimestamp(now / 1000, UTC),
        message_id=_new_message_id(hostname),
        boundary=lambda: secrets.token_hex(12),
    )


def _new_message_id(hostname: str) -> str:
    return f"{secrets.token_hex(16)}@{hostname}"
