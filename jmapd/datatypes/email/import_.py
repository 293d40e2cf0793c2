"""Email/import: messages that were uploaded become Emails (RFC 8621 section 4.8)."""

from __future__ import annotations

from typing import Any

from jmapd.datatypes.email import mutable
from jmapd.datatypes.email.add import NewEmail, add_email
from jmapd.datatypes.email.prepare import wanted_message
from jmapd.datatypes.email.reading import Reading
from jmapd.datatypes.email.set import require, result
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, PreparedMessage, Scope
from jmapd.methods.registry import Method
from jmapd.methods.set import check_state
from jmapd.protocol.capabilities import MAIL
from jmapd.protocol.errors import MethodError, SetError, invalid_properties
from jmapd.store import mailboxes, uploads
from jmapd.store.blobs import Piece
from jmapd.store.counts import Counts

_PROPERTIES = frozenset({"blobId", "mailboxIds", "keywords", "receivedAt"})


def run(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Email/import."""
    arguments.refuse_others(("accountId", "ifInState", "emails"))
    scope = context.scope(arguments, write=True)
    arguments.required("emails")
    wanted = arguments.objects("emails")
    if len(wanted) > context.limits.max_objects_in_set:
        raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_set} Emails at once.")
    old_state = check_state(scope, "Email", arguments)
    messages = _messages(context, scope, wanted)
    rows = mailboxes.all_of(context.store.database, scope.number)
    counts = Counts(context.store.database, scope.changes, mailboxes.trash_of(rows))
    created: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    for creation_id, email in wanted.items():
        try:
            new = _new(context, set(rows), email, messages[creation_id])
            context.add_blob(new.blob, new.size, _data(messages[creation_id]))
            made = add_email(context, scope, counts, new)
        except SetError as error:
            refused[creation_id] = error.to_json()
            continue
        uploads.forget(context.store.database, account=scope.number, user=context.user, blob=new.blob)
        created[creation_id] = made
        context.created_ids[creation_id] = made["id"]
    counts.save()
    return {
        "accountId": scope.access.id,
        "oldState": old_state,
        "newState": scope.state("Email"),
        "created": created or None,
        "notCreated": refused or None,
    }


METHOD = Method("Email/import", MAIL, writes=True, run=run)


def _data(message: PreparedMessage | SetError) -> bytes | None:
    return message.data if isinstance(message, PreparedMessage) else None


def _messages(
    context: Context, scope: Scope, wanted: dict[str, dict[str, Any]]
) -> dict[str, PreparedMessage | SetError]:
    """For each creation id the message it names, read.

    :raises NeedsPreparation: where some have not been read yet.
    """
    found: dict[str, PreparedMessage | SetError] = {}
    unread = {}
    for creation_id, email in wanted.items():
        given = email.get("blobId")
        blob_id = context.referred(given) if isinstance(given, str) else None
        message = _uploaded(context, scope, blob_id)
        if message is None:
            assert blob_id is not None
            unread[creation_id] = wanted_message(context, scope, blob_id)
        else:
            found[creation_id] = message
    require(context, list(unread.values()))
    for creation_id, one in unread.items():
        try:
            found[creation_id] = result(context, one)
        except SetError as error:
            found[creation_id] = error
    return found


def _uploaded(context: Context, scope: Scope, blob_id: str | None) -> PreparedMessage | SetError | None:
    """A message that was read when it was uploaded, or why it cannot be one; ``None`` where it must be read."""
    piece = None if blob_id is None else Piece.of_id(blob_id)
    if piece is None:
        return invalid_properties("There is no such blob.", "blobId")
    if piece.length is not None:
        return None
    database = context.store.database
    reading = uploads.prepared(database, account=scope.number, user=context.user, blob=piece.hash)
    size = context.store.blobs.size(database, piece.hash)
    if reading is None or size is None:
        return None
    return PreparedMessage(piece.hash, size, None, reading)


def _new(context: Context, known: set[int], email: dict[str, Any], message: PreparedMessage | SetError) -> NewEmail:
    unknown = sorted(email.keys() - _PROPERTIES)
    if unknown:
        raise invalid_properties("An EmailImport has no such properties.", *(name[:100] for name in unknown))
    in_mailboxes = mutable.read_mailboxes(context, known, email.get("mailboxIds"))
    keywords = mutable.read_keywords(email.get("keywords"))
    if isinstance(message, SetError):
        raise message if message.type != "blobNotFound" else invalid_properties("There is no such blob.", "blobId")
    reading = Reading.unpack(message.reading)
    default = context.this_second if reading.received_at is None else reading.received_at
    received_at = mutable.read_received_at(email.get("receivedAt"), default)
    return NewEmail(message.hash, message.size, reading, in_mailboxes, keywords, received_at)
