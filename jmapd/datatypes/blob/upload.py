"""Blob/upload: blobs made of texts and of other blobs (RFC 9404 section 4.1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import orjson

from jmapd.datatypes.blob.capability import MAX_DATA_SOURCES
from jmapd.datatypes.blob.find import read, visible
from jmapd.message.transfer import decode
from jmapd.methods.arguments import MAX_INT, Arguments
from jmapd.methods.context import Context, NeedsPreparation, PreparedMessage, Scope, Wanted
from jmapd.methods.registry import Method
from jmapd.protocol.capabilities import BLOB
from jmapd.protocol.errors import MethodError, SetError, invalid_properties
from jmapd.store import uploads
from jmapd.store.blobs import INLINE, Piece, blob_id
from jmapd.store.store import Store

_TEXT, _BASE64, _BLOB = "data:asText", "data:asBase64", "blobId"
_RANGE = ("offset", "length")


@attrs.frozen
class Source:
    """Octets to be taken: given as they are, or a range of a blob's.

    :param piece: of a stored blob; ``None`` where ``data`` is all.
    """

    data: bytes
    piece: Piece | None = None
    offset: int = 0
    length: int = 0

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.data) if self.piece is None else self.length


def run(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Blob/upload."""
    arguments.refuse_others(("accountId", "create"))
    scope = context.scope(arguments, write=True)
    arguments.required("create")
    create = arguments.objects("create")
    if len(create) > context.limits.max_objects_in_set:
        raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_set} blobs at once.")
    created: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    for creation_id in _in_order(create):
        try:
            made = _create(context, scope, create[creation_id])
        except SetError as error:
            refused[creation_id] = error.to_json()
        else:
            created[creation_id] = made
            context.created_ids[creation_id] = made["id"]
    return {"accountId": scope.access.id, "created": created or None, "notCreated": refused or None}


METHOD = Method("Blob/upload", BLOB, writes=True, run=run)


def assemble(store: Store, arguments: Mapping[str, Any]) -> PreparedMessage:
    """Make a blob of its sources, in a reader.

    :param arguments: those of the `Wanted`.
    """
    raw = b"".join(_taken(store, one) for one in arguments["sources"])
    return PreparedMessage(store.blobs.write_file(raw), len(raw), None, b"")


def _in_order(create: Mapping[str, Any]) -> list[str]:
    """The creation ids, each after those of the same call that it takes octets from."""
    needs = {creation_id: _referred(object) & create.keys() for creation_id, object in create.items()}
    order: list[str] = []
    done: set[str] = set()
    while ready := [one for one in create if one not in done and needs[one] <= done]:
        order.extend(ready)
        done.update(ready)
    # what refers to itself, by whatever way, finds nothing there
    return order + [one for one in create if one not in done]


def _referred(object: Mapping[str, Any]) -> set[str]:
    data = object.get("data")
    sources = [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []
    return {id[1:] for one in sources if isinstance(id := one.get(_BLOB), str) and id.startswith("#")}


def _create(context: Context, scope: Scope, object: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(object.keys() - {"data", "type"})
    if unknown:
        raise invalid_properties("An UploadObject has no such properties.", *(name[:100] for name in unknown))
    type = object.get("type")
    if type is not None and not isinstance(type, str):
        raise invalid_properties("type is a media type, or null.", "type")
    sources = _sources(context, scope, object.get("data"))
    size = sum(one.size for one in sources)
    if size > context.limits.max_size_upload:
        raise SetError("tooLarge", f"A blob may have {context.limits.max_size_upload} octets.")
    hash, data = _joined(context, sources, size)
    context.add_blob(hash, size, data)
    uploads.keep(
        context.store.database,
        context.uploads,
        account=scope.number,
        user=context.user,
        blob=hash,
        size=size,
        now=context.now,
        prepared=None,
    )
    id = blob_id(hash)
    return {"id": id, "blobId": id, "type": type, "size": size}


def _sources(context: Context, scope: Scope, data: Any) -> list[Source]:
    if not isinstance(data, list) or len(data) > MAX_DATA_SOURCES:
        raise _wrong(f"data is an array of at most {MAX_DATA_SOURCES} sources.")
    return [_source(context, scope, one) for one in data]


def _source(context: Context, scope: Scope, given: Any) -> Source:
    if not isinstance(given, dict):
        raise _wrong("A source is an object.")
    present = {name: value for name, value in given.items() if value is not None}
    kinds = present.keys() & {_TEXT, _BASE64, _BLOB}
    allowed = {*kinds, *_RANGE} if kinds == {_BLOB} else kinds
    if len(kinds) != 1 or not present.keys() <= allowed:
        raise _wrong("A source has one of data:asText, data:asBase64 and blobId, and a range only with the last.")
    if _BLOB in kinds:
        return _range(context, scope, present)
    (value,) = present.values()
    if not isinstance(value, str):
        raise _wrong("The data of a source is a string.")
    if _TEXT in kinds:
        return Source(value.encode())
    try:
        return Source(base64.b64decode(value, validate=True))
    except binascii.Error:
        raise _wrong("data:asBase64 is base64 with padding and nothing else.") from None


def _range(context: Context, scope: Scope, given: Mapping[str, Any]) -> Source:
    id = given[_BLOB]
    found = visible(context, scope, id) if isinstance(id, str) else None
    if found is None:
        raise SetError("blobNotFound", notFound=[id])
    piece, size = found
    offset = given.get("offset", 0)
    length = given.get("length", size - offset if isinstance(offset, int) else 0)
    if not all(type(one) is int and 0 <= one <= MAX_INT for one in (offset, length)) or offset + length > size:
        raise _wrong("A range lies within its blob.")
    return Source(b"", piece, offset, length)


def _joined(context: Context, sources: Sequence[Source], size: int) -> tuple[bytes, bytes | None]:
    """The SHA-256 of a blob of these sources, and its bytes if it is small; a large one is made by a reader.

    :raises NeedsPreparation: where that is still to be done.
    """
    store = context.store
    if size <= INLINE and all(one.piece is None or one.piece.encoding == "identity" for one in sources):
        raw = b"".join(
            one.data if one.piece is None else read(store, one.piece, one.offset, one.length) for one in sources
        )
        return hashlib.sha256(raw).digest(), raw
    parts = [_to_json(store, one) for one in sources]
    key = hashlib.blake2b(orjson.dumps(parts), digest_size=16).hexdigest()
    wanted = Wanted(f"blob {key}", {"kind": "assemble", "sources": parts})
    made = context.prepared.get(wanted.key)
    if not isinstance(made, PreparedMessage):
        raise NeedsPreparation([wanted])
    return made.hash, None


def _to_json(store: Store, source: Source) -> dict[str, Any]:
    """A source as a reader can take it, which sees nothing yet of what this transaction has written."""
    piece = source.piece
    if piece is None:
        return {"raw": base64.b64encode(source.data).decode(), "encoding": "identity", "from": 0, "to": source.size}
    place: dict[str, Any] = {
        "encoding": piece.encoding,
        "from": source.offset,
        "to": source.offset + source.length,
    }
    inline = store.blobs.inline(store.database, piece.hash)
    end = None if piece.length is None else piece.offset + piece.length
    if inline is None:
        return {**place, "hash": piece.hash.hex(), "start": piece.offset, "end": end}
    return {**place, "raw": base64.b64encode(inline[piece.offset : end]).decode()}


def _taken(store: Store, source: Mapping[str, Any]) -> bytes:
    if "raw" in source:
        raw = base64.b64decode(source["raw"])
    else:
        raw = store.blobs.read_file(bytes.fromhex(source["hash"]))[source["start"] : source["end"]]
    return decode(raw, source["encoding"])[source["from"] : source["to"]]


def _wrong(description: str) -> SetError:
    return invalid_properties(description, "data")
