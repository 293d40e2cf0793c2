"""What is made of a message once, outside every transaction, for all that will be asked of its Email."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
import orjson

from jmapd.datatypes.email import properties
from jmapd.message import mdn
from jmapd.message.headers import FORMS
from jmapd.message.parts import NotParsable
from jmapd.message.prepare import Prepared, prepare
from jmapd.protocol.collation import casemap
from jmapd.protocol.dates import utc_date
from jmapd.store.blobs import Piece
from jmapd.store.threads import reference

_KEY_CHARACTERS = 100
_OF_MDN = ("originalMessageId", "originalRecipient", "finalRecipient", "disposition")


@attrs.frozen
class Reading:
    """A message as its Email will be kept.

    :param metadata: the lines of `properties.METADATA` that the message alone decides.
    :param body: the lines of `properties.BODY` and the part tree.
    :param references: what its Thread is looked up by.
    :param received_at: when the newest Received field says it came, in milliseconds since 1970.
    :param sent_at: the Date field, in milliseconds since 1970.
    :param search: the texts for the full-text index.
    :param mdn: where it is an MDN, what of its object (RFC 9007 section 2) says what became of which message.
    """

    metadata: str
    body: str
    references: list[int]
    subject_key: str
    from_key: str
    to_key: str
    received_at: int | None
    sent_at: int | None
    has_attachment: bool
    search: dict[str, str]
    mdn: dict[str, Any] | None = None

    def pack(self) -> bytes:
        """The reading as bytes."""
        return orjson.dumps(attrs.asdict(self, recurse=False))

    @classmethod
    def unpack(cls, packed: bytes) -> Reading:
        """The reading of `pack`'s bytes."""
        return cls(**orjson.loads(packed))


def read(raw: bytes, blob: Piece) -> Reading:
    """Read a message.

    :param raw: its bytes.
    :param blob: what they are of.
    :raises NotParsable: where it is no message at all.
    """
    prepared = prepare(raw)
    known = prepared.properties
    metadata = {"blobId": blob.id, "size": len(raw), **known}
    return Reading(
        metadata=properties.lines({name: metadata[name] for name in properties.METADATA[3:]}).decode(),
        body=_body(prepared, blob).decode(),
        references=[reference(one, prepared.thread_subject) for one in prepared.message_ids],
        subject_key=_key(prepared.thread_subject),
        from_key=_address_key(known["from"]),
        to_key=_address_key(known["to"]),
        received_at=_received_at(prepared.headers),
        sent_at=None if prepared.sent_at is None else prepared.sent_at * 1000,
        has_attachment=bool(known["hasAttachment"]),
        search=prepared.search,
        mdn=_mdn(raw) if prepared.body_structure["type"] == "multipart/report" else None,
    )


def _mdn(raw: bytes) -> dict[str, Any] | None:
    try:
        whole = mdn.read(raw)
    except NotParsable:
        return None
    return {name: whole[name] for name in _OF_MDN}


def _body(prepared: Prepared, blob: Piece) -> bytes:
    leaves: dict[str, dict[str, Any]] = {}
    structure = _with_blob_ids(prepared.body_structure, blob, leaves)
    structure.pop("headers", None)
    listed = {"textBody": prepared.text_body, "htmlBody": prepared.html_body, "attachments": prepared.attachments}
    ready = {name: [default_part(leaves[part_id]) for part_id in part_ids] for name, part_ids in listed.items()}
    tree = orjson.dumps({"structure": structure, **listed})
    return properties.lines({**ready, "headers": prepared.headers}) + b"\n" + tree


def _with_blob_ids(part: dict[str, Any], blob: Piece, leaves: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The part tree with a blobId on each leaf in place of where its bytes are."""
    part = dict(part)
    encoding, offset, length = part.pop("encoding", None), part.pop("offset", None), part.pop("length", None)
    if part["partId"] is None:
        part["blobId"] = None
        part["subParts"] = [_with_blob_ids(one, blob, leaves) for one in part.get("subParts") or []]
    else:
        part["blobId"] = Piece(blob.hash, encoding, blob.offset + offset, length, part["size"]).id
        part["subParts"] = None
        leaves[part["partId"]] = part
    return part


def default_part(part: dict[str, Any]) -> dict[str, Any]:
    """A part with the properties that are given unasked."""
    return {name: part.get(name) for name in properties.DEFAULT_BODY}


def _key(text: str) -> str:
    return casemap(text[:_KEY_CHARACTERS])


def _address_key(addresses: Any) -> str:
    """What an address list is sorted by: the first one's name, else its address (RFC 8621 section 4.4.2)."""
    if not addresses:
        return ""
    return _key(addresses[0]["name"] or addresses[0]["email"] or "")


def _received_at(headers: list[dict[str, str]]) -> int | None:
    for header in headers:
        if header["name"].lower() == "received":
            date = FORMS["asDate"](header["value"].rpartition(";")[2])
            return _milliseconds(date) if isinstance(date, str) else None
    return None


def _milliseconds(date: str) -> int | None:
    try:
        return int(datetime.fromisoformat(date).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def received_line(id: str, thread_id: str, received_at: int) -> bytes:
    """The lines of ``metadata`` that are known when the Email is stored."""
    return properties.lines({"id": id, "threadId": thread_id, "receivedAt": utc_date(received_at)})
