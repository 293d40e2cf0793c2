"""Email/set's create: an Email's properties to a message (RFC 8621 section 4.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from jmapd.message.fields import WrongValue, write_field
from jmapd.message.headers import header_property
from jmapd.message.outline import Leaf, Multipart, Outline, header_fields, read_outline
from jmapd.message.write import write_part
from jmapd.protocol.errors import SetError, invalid_properties

CONVENIENT = {
    "messageId": ("Message-ID", "asMessageIds"),
    "inReplyTo": ("In-Reply-To", "asMessageIds"),
    "references": ("References", "asMessageIds"),
    "sender": ("Sender", "asAddresses"),
    "from": ("From", "asAddresses"),
    "to": ("To", "asAddresses"),
    "cc": ("Cc", "asAddresses"),
    "bcc": ("Bcc", "asAddresses"),
    "replyTo": ("Reply-To", "asAddresses"),
    "subject": ("Subject", "asText"),
    "sentAt": ("Date", "asDate"),
}
"""The properties that stand for a header field, with its name and form (section 4.1.3)."""

BODY_PROPERTIES = frozenset({"bodyStructure", "textBody", "htmlBody", "attachments", "bodyValues"})


def compose(
    email: Mapping[str, Any],
    blob: Callable[[str], bytes],
    *,
    now: datetime,
    message_id: str,
    boundary: Callable[[], str],
) -> bytes:
    """Write a message.

    :param email: the header and body properties of the Email to be created.
    :param blob: gives the bytes of a blob, or raises KeyError.
    :param now: for the Date field, where none is given.
    :param message_id: for the Message-ID field, where none is given.
    :param boundary: gives a new boundary each time.
    :raises SetError: ``invalidProperties`` naming all that is wrong, or ``blobNotFound``.
    """
    wrong: dict[str, str] = {}
    fields = _fields(email, wrong)
    outline = read_outline(email, wrong)
    of_root = header_fields(outline)
    if of_root & {"mime-version", *fields}:
        property = next(name for name in ("bodyStructure", "textBody", "htmlBody", "attachments") if email.get(name))
        wrong[property] = "it has a header field that the Email itself has"
    for name in email:
        if name not in CONVENIENT and name not in BODY_PROPERTIES and not header_property(name):
            wrong.setdefault(name, "this is no property that a new Email can have")
    if wrong:
        said = "; ".join(f"{name[:100]}: {why}" for name, why in wrong.items())
        raise invalid_properties(said, *wrong)
    _check_blobs(outline, blob)
    if "date" not in of_root:
        fields.setdefault("date", write_field("Date", "asDate", now.isoformat()))
    if "message-id" not in of_root:
        fields.setdefault("message-id", write_field("Message-ID", "asMessageIds", [message_id]))
    fields["mime-version"] = b"MIME-Version: 1.0\r\n"
    try:
        body = write_part(outline, blob, boundary)
    except WrongValue as error:
        raise invalid_properties(f"A part's header field: {error}.", "bodyStructure") from None
    return b"".join(fields.values()) + body


def blob_ids(email: Mapping[str, Any]) -> set[str]:
    """The blobs that a new Email refers to, whatever else may be wrong with it."""
    return {leaf.blob_id for leaf in _leaves(read_outline(email, {})) if leaf.blob_id is not None}


def size(email: Mapping[str, Any], blob_size: Callable[[str], int]) -> int:
    """Octets of all the parts of a new Email, each counted as often as it is there.

    :param blob_size: gives the octets of a blob.
    """
    leaves = _leaves(read_outline(email, {}))
    return sum(len(leaf.text or "") if leaf.blob_id is None else blob_size(leaf.blob_id) for leaf in leaves)


def _leaves(outline: Outline) -> Iterator[Leaf]:
    if isinstance(outline, Multipart):
        for one in outline.parts:
            yield from _leaves(one)
    else:
        yield outline


def _check_blobs(outline: Outline, blob: Callable[[str], bytes]) -> None:
    missing = []
    for leaf in _leaves(outline):
        if leaf.blob_id is not None:
            try:
                blob(leaf.blob_id)
            except KeyError:
                missing.append(leaf.blob_id)
    if missing:
        raise SetError("blobNotFound", "These blobs are not there.", notFound=list(dict.fromkeys(missing)))


def _fields(email: Mapping[str, Any], wrong: dict[str, str]) -> dict[str, bytes]:
    """The message's own header fields by their names in lower case."""
    fields: dict[str, bytes] = {}
    given_by: dict[str, str] = {}
    for name, value in email.items():
        wanted = (*CONVENIENT[name], False) if name in CONVENIENT else header_property(name)
        if wanted is None:
            continue
        field, form, every = wanted
        key = field.lower()
        if key in given_by:
            wrong[name] = f"{given_by[key]} stands for the same header field"
        elif key.startswith("content-"):
            wrong[name] = "Content-* fields belong to the parts of bodyStructure"
        elif value is not None:
            given_by[key] = name
            _write(fields, name, field, form, value if every else [value], wrong)
    return fields


def _write(fields: dict[str, bytes], name: str, field: str, form: str, values: Any, wrong: dict[str, str]) -> None:
    if not isinstance(values, list):
        wrong[name] = "all values of a field are an array"
        return
    try:
        written = b"".join(write_field(field, form, value) for value in values)
    except WrongValue as error:
        wrong[name] = str(error)
    else:
        fields[field.lower()] = written
