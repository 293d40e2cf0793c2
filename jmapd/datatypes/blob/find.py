"""Blobs as a user may see them."""

from __future__ import annotations

from jmapd.message.transfer import decode
from jmapd.methods.context import Context, Scope
from jmapd.store import uploads
from jmapd.store.blobs import Piece
from jmapd.store.store import Store


def visible(context: Context, scope: Scope, given: str) -> tuple[Piece, int] | None:
    """What a blobId stands for in an account, and its octets; ``None`` where the user can see no such blob.

    :param given: may be ``#`` and a creation id.
    """
    id = context.referred(given)
    piece = None if id is None else Piece.of_id(id)
    database = context.store.database
    if piece is None or not uploads.may_read(database, account=scope.number, user=context.user, blob=piece.hash):
        return None
    stored = context.store.blobs.size(database, piece.hash)
    if stored is None or not piece.lies_in(stored):
        return None
    return piece, stored if piece.size is None else piece.size


def read(store: Store, piece: Piece, offset: int, length: int) -> bytes:
    """A range of a blob's octets, of a part's when decoded.

    :param piece: of a stored blob.
    """
    if piece.encoding == "identity":
        raw = store.blobs.read(store.database, piece.hash, piece.offset + offset, length)
        return raw or b""
    raw = store.blobs.read(store.database, piece.hash, piece.offset, piece.length)
    return decode(raw or b"", piece.encoding)[offset : offset + length]
