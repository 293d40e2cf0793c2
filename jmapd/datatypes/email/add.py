"""A message becomes an Email: its Thread is found, or made of several (RFC 8621 section 3), and everything is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from jmapd.datatypes.email.destroy import destroy_email
from jmapd.datatypes.email.prepare import wanted_message
from jmapd.datatypes.email.reading import Reading, received_line
from jmapd.methods.context import Context, PreparedMessage, Scope
from jmapd.protocol.errors import SetError
from jmapd.store import emails, threads
from jmapd.store.blobs import blob_id
from jmapd.store.counts import Counts
from jmapd.store.emails import EmailRow, Mutable, email_id
from jmapd.store.store import Store
from jmapd.store.threads import Member, thread_id

DELIVERY = "EmailDelivery"
"""The type whose state changes with each Email that is added, and with nothing else (RFC 8621 section 1.5)."""


@attrs.frozen
class NewEmail:
    """What an Email is made of.

    :param blob: the SHA-256 of its message.
    :param size: the message's octets.
    :param received_at: milliseconds since 1970.
    """

    blob: bytes
    size: int
    reading: Reading
    mailboxes: frozenset[int]
    keywords: frozenset[str]
    received_at: int


def add_email(context: Context, scope: Scope, counts: Counts, new: NewEmail) -> dict[str, Any]:
    """Store an Email whose blob is stored.

    :param counts: of the method call; the caller saves them.
    :returns: what a client is told of it, as of anything it makes; right until the call is over.
    :raises SetError: ``overQuota`` where the account has no room for it.
    """
    if not counts.has_room(new.size):
        raise SetError("overQuota", "The account has no room for this.")
    thread = _thread(context, scope, counts, new.reading.references)
    number = _keep(context.store, scope, counts, new, thread)
    scope.changes.touched(DELIVERY)
    said = context.made[number] = {
        "id": email_id(number),
        "blobId": blob_id(new.blob),
        "threadId": thread_id(thread),
        "size": new.size,
    }
    return said


def _thread(context: Context, scope: Scope, counts: Counts, references: Sequence[int]) -> int:
    """The Thread of a message: of several that it belongs to, one is made."""
    found = threads.referred(context.store.database, scope.number, references)
    together = sum(found.values()) < threads.MAX_EMAILS
    if len(found) > 1 and together:
        largest = max(found, key=found.__getitem__)
        _join(context, scope, counts, [thread for thread in found if thread != largest], largest)
        return largest
    for thread, size in found.items():
        if size < threads.MAX_EMAILS:
            return thread
    thread = scope.changes.next()
    counts.new_thread(thread)
    scope.changes.made("Thread", thread)
    return thread


def _join(context: Context, scope: Scope, counts: Counts, others: list[int], thread: int) -> None:
    """Move Threads into another one. An Email's threadId never changes: it is destroyed, and made again.

    Their texts are indexed anew, so their messages are read again, which is not done here.
    """
    database = context.store.database
    moving = list(emails.mutable(database, emails.of_threads(database, scope.number, others)).values())
    wanted = [wanted_message(context, scope, blob_id(email.blob)) for email in moving]
    missing = [one for one in wanted if one.key not in context.prepared]
    context.wanting.extend(missing)
    if missing:
        return
    for email, one in zip(moving, wanted, strict=True):
        message = context.prepared[one.key]
        if isinstance(message, PreparedMessage):
            _move(context, scope, counts, email, message, thread)


def _move(
    context: Context, scope: Scope, counts: Counts, email: Mutable, message: PreparedMessage, thread: int
) -> None:
    destroy_email(context.store.database, scope, counts, email)
    reading = Reading.unpack(message.reading)
    new = NewEmail(message.hash, message.size, reading, email.mailboxes, email.keywords, email.received_at)
    number = _keep(context.store, scope, counts, new, thread)
    before, after = email_id(email.id), email_id(number)
    if said := context.made.pop(email.id, None):
        said |= {"id": after, "threadId": thread_id(thread)}
        context.made[number] = said
    for creation_id, id in context.created_ids.items():
        if id == before:
            context.created_ids[creation_id] = after


def _keep(store: Store, scope: Scope, counts: Counts, new: NewEmail, thread: int) -> int:
    """Store an Email in a Thread; its number."""
    database, changes, reading = store.database, scope.changes, new.reading
    number = emails.new_number(database, scope.number, new.received_at)
    members = counts.members(thread)
    if members:
        changes.updated("Thread", thread)
    unread = emails.is_unread(new.keywords)
    members[number] = Member(unread, new.mailboxes)
    counts.came(new.size)
    threads.refer(database, scope.number, thread, reading.references)
    first_lines = received_line(email_id(number), thread_id(thread), new.received_at)
    row = EmailRow(
        id=number,
        account=scope.number,
        thread=thread,
        blob=new.blob,
        size=new.size,
        received_at=new.received_at,
        sent_at=reading.sent_at,
        unread=unread,
        has_attachment=reading.has_attachment,
        subject_key=reading.subject_key,
        from_key=reading.from_key,
        to_key=reading.to_key,
        keywords=emails.keywords_json(new.keywords),
        mailboxes=emails.mailboxes_json(new.mailboxes),
        metadata=first_lines + b"\n" + reading.metadata.encode(),
    )
    emails.add(database, row, reading.body.encode(), new.mailboxes, new.keywords)
    changes.made("Email", number)
    store.text.add(number, reading.search)
    return number
