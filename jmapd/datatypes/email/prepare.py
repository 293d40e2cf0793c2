"""Messages read and composed outside every transaction, before the writer stores them.

A Request that makes Emails names what it needs (`wanted_message`, `wanted_composition`), a reader makes it
(`prepare_message`), and the Request runs again with the results.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import orjson

from jmapd.datatypes.email.reading import read
from jmapd.message import auto_reply, mdn
from jmapd.message.compose import blob_ids, compose, size
from jmapd.message.deliver import for_delivery
from jmapd.message.fields import WrongValue
from jmapd.message.parts import NotParsable
from jmapd.message.transfer import decode
from jmapd.methods.context import Context, PreparedMessage, Scope, Wanted
from jmapd.protocol.errors import SetError
from jmapd.store import uploads
from jmapd.store.blobs import INLINE, Piece
from jmapd.store.store import Store

MAX_ATTACHMENTS = 50_000_000
"""Octets of all the parts of one new Email (RFC 8621 section 1.3, maxSizeAttachmentsPerEmail)."""

_TOO_LARGE = SetError("tooLarge", f"The parts of an Email may have {MAX_ATTACHMENTS} octets.")


def wanted_message(context: Context, scope: Scope, blob_id: str) -> Wanted:
    """A stored message is to be read."""
    return _wanted(context, scope, "message", blob_id, [blob_id], blob=blob_id)


def wanted_parse(context: Context, scope: Scope, blob_id: str) -> Wanted:
    """A blob is to be read as a message that is not stored as one."""
    return _wanted(context, scope, "parse", blob_id, [blob_id], blob=blob_id)


def wanted_composition(context: Context, scope: Scope, creation_id: str, email: Mapping[str, Any]) -> Wanted:
    """A message is to be composed from an Email's properties."""
    ids = blob_ids(email) if context.fresh else ()
    return _wanted(context, scope, "compose", _digest(creation_id, email), ids, email=email)


def wanted_delivery(context: Context, scope: Scope, blob_id: str, mail_from: str) -> Wanted:
    """A stored message is to be written as it is delivered."""
    name = f"{blob_id} {mail_from}"
    return _wanted(context, scope, "delivery", name, [blob_id], blob=blob_id, mail_from=mail_from)


def wanted_mdn(context: Context, scope: Scope, blob_id: str, mdn: Mapping[str, Any], sender: str, to: str) -> Wanted:
    """An MDN is to be written, about the message of a blob."""
    about = {"mdn": mdn, "sender": sender, "to": to}
    return _wanted(context, scope, "mdn", _digest(blob_id, about), [blob_id], blob=blob_id, **about)


def wanted_reply(context: Context, scope: Scope, blob_id: str, response: Mapping[str, Any], **who: str) -> Wanted:
    """An automatic reply is to be written to the message of a blob, unless it is to get none.

    :param response: the VacationResponse.
    :param who: what `jmapd.message.auto_reply.reply` wants to know beside.
    """
    about = {"response": response, "who": who}
    return _wanted(context, scope, "reply", _digest(blob_id, about), [blob_id], blob=blob_id, **about)


def wanted_parse_mdn(context: Context, scope: Scope, blob_id: str) -> Wanted:
    """A blob is to be read as an MDN."""
    return _wanted(context, scope, "parse-mdn", blob_id, [blob_id], blob=blob_id)


def wanted_left(store: Store, blob_id: str) -> Wanted:
    """The message of a destroyed Email is to be read, which nobody can see any more."""
    piece = Piece.of_id(blob_id)
    assert piece is not None
    fresh = {blob_id: _in_base64(store.blobs.inline(store.database, piece.hash))}
    return Wanted(f"message {blob_id}", {"kind": "message", "account": 0, "blob": blob_id, "fresh": fresh})


def _wanted(context: Context, scope: Scope, kind: str, name: str, blobs: Iterable[str], **more: Any) -> Wanted:
    """A preparation of a kind; ``name`` tells it from others, and ``blobs`` are read for it.

    What was made of one account's blobs is not there for another one, where the user may not see them.
    """
    arguments = {"kind": kind, "account": scope.number, "fresh": _fresh(context, blobs), **more}
    return Wanted(f"{kind} {scope.number} {name}", arguments)


def _digest(*values: Any) -> str:
    """What tells values from others, where they are too long for a name."""
    return hashlib.blake2b(orjson.dumps(values, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _fresh(context: Context, ids: Iterable[str]) -> dict[str, str | None]:
    """Those blobs that a reader cannot find, for this very transaction stores them: small ones whole, in base64."""
    if not context.fresh:
        return {}
    pieces = {id: piece for id in ids if (piece := Piece.of_id(id)) and piece.hash in context.fresh}
    store = context.store
    return {id: _in_base64(store.blobs.inline(store.database, piece.hash)) for id, piece in pieces.items()}


def _in_base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


@attrs.frozen
class Sight:
    """The blobs that a preparation can read.

    :param account: those that the user may see in it are there.
    :param fresh: and these, whose bytes are a file, if they are not given in base64.
    """

    store: Store
    account: int
    user: int
    fresh: Mapping[str, str | None] = attrs.field(factory=dict)

    def blob(self, id: str) -> bytes | None:
        """The bytes of a blob, or of a part; ``None`` where there is none."""
        piece = Piece.of_id(id)
        if piece is None:
            return None
        if id in self.fresh:
            data = self.fresh[id]
            whole = self.store.blobs.read_file(piece.hash) if data is None else base64.b64decode(data)
            end = None if piece.length is None else piece.offset + piece.length
            return decode(whole[piece.offset : end], piece.encoding)
        database = self.store.database
        if not uploads.may_read(database, account=self.account, user=self.user, blob=piece.hash):
            return None
        raw = self.store.blobs.read(database, piece.hash, piece.offset, piece.length)
        return raw if raw is None else decode(raw, piece.encoding)


def prepare_message(store: Store, user: int, arguments: Mapping[str, Any], now: int, hostname: str) -> PreparedMessage:
    """Read or compose a message.

    :param arguments: those of the `Wanted`.
    :param now: milliseconds since 1970, for the Date field.
    :param hostname: for the Message-ID field.
    :raises SetError: where the message cannot be made, or is none.
    """
    sight = Sight(store, arguments["account"], user, arguments["fresh"])
    kind = arguments["kind"]
    if kind == "compose":
        return _stored(store, _composed(sight, arguments["email"], now, hostname), None)
    if kind == "parse":
        return parsed(sight, arguments["blob"])
    if kind == "parse-mdn":
        return parsed_mdn(sight, arguments["blob"])
    raw = sight.blob(arguments["blob"])
    if raw is None:
        raise SetError("blobNotFound", notFound=[arguments["blob"]])
    if kind == "mdn":
        return _stored(store, _notification(arguments, raw, now, hostname), None)
    if kind == "reply":
        return _stored(store, _reply(arguments, raw, now, hostname), None)
    if kind == "delivery":
        message_id = _new_message_id(hostname)
        return _stored(store, for_delivery(raw, arguments["mail_from"], hostname, now, message_id), None)
    piece = Piece.of_id(arguments["blob"])
    assert piece is not None
    return _stored(store, raw, piece.hash if piece.length is None else None)


def parsed(sight: Sight, blob_id: str) -> PreparedMessage:
    """Read a blob, or a part of a message, as a message that is not stored as one.

    The parts of a message that is a part itself are told by where they are in the outer one; that cannot be told of
    one that is encoded there, which RFC 2046 section 5.2.1 does not allow.

    :raises SetError: ``blobNotFound`` or ``invalidEmail``.
    """
    raw = sight.blob(blob_id)
    piece = Piece.of_id(blob_id)
    if raw is None or piece is None:
        raise SetError("blobNotFound", notFound=[blob_id])
    if piece.encoding != "identity":
        raise SetError("invalidEmail", "A message within another one must not be encoded.")
    return PreparedMessage(piece.hash, len(raw), None, read_raw(raw, piece))


def parsed_mdn(sight: Sight, blob_id: str) -> PreparedMessage:
    """Read a blob as an MDN; its reading is the MDN object.

    :raises SetError: ``blobNotFound`` or ``invalidEmail``.
    """
    raw, piece = sight.blob(blob_id), Piece.of_id(blob_id)
    if raw is None or piece is None:
        raise SetError("blobNotFound", notFound=[blob_id])
    try:
        return PreparedMessage(piece.hash, len(raw), None, orjson.dumps(mdn.read(raw)))
    except NotParsable:
        raise SetError("invalidEmail", "This is no MDN.") from None


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


def _notification(arguments: Mapping[str, Any], raw: bytes, now: int, hostname: str) -> bytes:
    """An MDN; as delivery adds what it adds, it is written as it is delivered."""
    notification = arguments["mdn"]
    about = mdn.Outgoing(
        sender=arguments["sender"],
        to=arguments["to"],
        date=datetime.fromtimestamp(now // 1000, UTC).isoformat(),
        message_id=_new_message_id(hostname),
        in_reply_to=notification["originalMessageId"],
        boundary=secrets.token_hex(12),
    )
    try:
        written = mdn.write(notification, about, raw if notification["includeOriginalMessage"] else None)
    except WrongValue as error:
        raise SetError("invalidProperties", f"This cannot be written: {error}.") from None
    return for_delivery(written, "", hostname, now, about.message_id)


def _reply(arguments: Mapping[str, Any], raw: bytes, now: int, hostname: str) -> bytes:
    """An automatic reply; as an MDN, it is written as it is delivered."""
    email = auto_reply.reply(raw, arguments["response"], **arguments["who"])
    if email is None:
        raise SetError("forbidden", "This gets no automatic reply.")
    return for_delivery(_written(email, {}, now, hostname), "", hostname, now, _new_message_id(hostname))


def _composed(sight: Sight, email: Mapping[str, Any], now: int, hostname: str) -> bytes:
    found: dict[str, bytes] = {}
    total = 0
    for id in blob_ids(email):
        data = sight.blob(id)
        if data is not None:
            found[id] = data
            total += len(data)
        if total > MAX_ATTACHMENTS:
            raise _TOO_LARGE
    # a blob or a text may be there many times
    if size(email, lambda id: len(found.get(id, b""))) > MAX_ATTACHMENTS:
        raise _TOO_LARGE
    return _written(email, found, now, hostname)


def _written(email: Mapping[str, Any], blobs: Mapping[str, bytes], now: int, hostname: str) -> bytes:
    return compose(
        email,
        blobs.__getitem__,
        now=datetime.fromtimestamp(now / 1000, UTC),
        message_id=_new_message_id(hostname),
        boundary=lambda: secrets.token_hex(12),
    )


def _new_message_id(hostname: str) -> str:
    return f"{secrets.token_hex(16)}@{hostname}"
