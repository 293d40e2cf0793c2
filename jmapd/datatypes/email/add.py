"""A message becomes an Email: its Thread is found, its number taken, and everything about it is stored."""

from __future__ import annotations

import attrs

from jmapd.datatypes.email.reading import Reading, received_line
from jmapd.methods.context import Scope
from jmapd.store import emails, threads
from jmapd.store.blobs import blob_id
from jmapd.store.counts import Counts
from jmapd.store.emails import EmailRow, email_id
from jmapd.store.store import Store
from jmapd.store.threads import Member, thread_id


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


@attrs.frozen
class Added:
    """What a client is told of a new Email."""

    id: str
    blob_id: str
    thread_id: str
    size: int

    def to_json(self) -> dict[str, object]:
        """The ``created`` entry of Email/set and Email/import."""
        return {"id": self.id, "blobId": self.blob_id, "threadId": self.thread_id, "size": self.size}


def add_email(store: Store, scope: Scope, counts: Counts, new: NewEmail) -> Added:
    """Store an Email whose blob is stored.

    :param counts: of the method call; the caller saves them.
    """
    database, changes, reading = store.database, scope.changes, new.reading
    number = emails.new_number(database, scope.number, new.received_at)
    thread = threads.thread_of(database, scope.number, reading.references)
    if thread is None:
        thread = changes.next()
        counts.new_thread(thread)
        changes.made("Thread", thread)
    else:
        changes.updated("Thread", thread)
    members = counts.members(thread)
    unread = emails.is_unread(new.keywords)
    members[number] = Member(unread, new.mailboxes)
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
    return Added(email_id(number), blob_id(new.blob), thread_id(thread), new.size)
