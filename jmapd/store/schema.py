"""The tables, for every SQL engine; what only one engine has (full-text search) is made by its own module.

The account comes first in every key. Numbers of Mailboxes, Threads and small objects are modseqs of their account, so that none is
ever given twice. An Email's number is `jmapd.store.numbers`' composite of account, receivedAt and a tie-break.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text, false

metadata = MetaData()

_ID = BigInteger().with_variant(Integer(), "sqlite")

store = Table(
    "store",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("hash", Text, nullable=False),
    Column("session", _ID, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    sqlite_autoincrement=True,
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("user", _ID, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("made", _ID, nullable=False),
    Column("expires", _ID),
    Column("read_only", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
Index("tokens_of_user", tokens.c.user)

accounts = Table(
    "accounts",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("modseq", _ID, nullable=False),
    Column("spilled", Boolean, nullable=False),
    Column("emails", _ID, nullable=False, server_default="0"),
    Column("octets", _ID, nullable=False, server_default="0"),
    Column("max_emails", _ID),
    Column("max_octets", _ID),
    sqlite_autoincrement=True,
)

access = Table(
    "access",
    metadata,
    Column("user", _ID, primary_key=True),
    Column("account", _ID, primary_key=True),
    Column("personal", Boolean, nullable=False),
    Column("read_only", Boolean, nullable=False),
    # the numbers of Mailboxes, in JSON, where the account is not the user's own
    Column("subscribed", Text, nullable=False, server_default="[]"),
    sqlite_with_rowid=False,
)

states = Table(
    "states",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("modseq", _ID, nullable=False),
    Column("forgotten", _ID, nullable=False),
    sqlite_with_rowid=False,
)

changes = Table(
    "changes",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("object", _ID, primary_key=True),
    Column("made", _ID, nullable=False),
    Column("changed", _ID, nullable=False),
    Column("substantive", _ID, nullable=False),
    Column("destroyed", _ID),
    sqlite_with_rowid=False,
)
Index("changes_in_order", changes.c.account, changes.c.type, changes.c.changed)
Index(
    "changes_destroyed",
    changes.c.account,
    changes.c.destroyed,
    sqlite_where=changes.c.destroyed.isnot(None),
    postgresql_where=changes.c.destroyed.isnot(None),
)

# how far an account had been counted when, in milliseconds since 1970
ages = Table(
    "ages",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("modseq", _ID, primary_key=True),
    Column("at", _ID, nullable=False),
    sqlite_with_rowid=False,
)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("parent", _ID),
    Column("role", Text),
    Column("sort_order", _ID, nullable=False),
    Column("subscribed", Boolean, nullable=False),
    Column("total_emails", _ID, nullable=False),
    Column("unread_emails", _ID, nullable=False),
    Column("total_threads", _ID, nullable=False),
    Column("unread_threads", _ID, nullable=False),
    sqlite_with_rowid=False,
)

emails = Table(
    "emails",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("account", _ID, nullable=False),
    Column("thread", _ID, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    Column("size", _ID, nullable=False),
    Column("received_at", _ID, nullable=False),
    Column("sent_at", _ID),
    Column("unread", Boolean, nullable=False),
    Column("has_attachment", Boolean, nullable=False),
    Column("subject_key", Text, nullable=False),
    Column("from_key", Text, nullable=False),
    Column("to_key", Text, nullable=False),
    Column("keywords", LargeBinary, nullable=False),
    Column("mailboxes", LargeBinary, nullable=False),
    Column("metadata", LargeBinary, nullable=False),
)
Index("emails_of_thread", emails.c.account, emails.c.thread)
Index("emails_of_blob", emails.c.account, emails.c.blob)
Index("emails_by_blob", emails.c.blob)

# of destroyed Emails, whose texts are still in the full-text index; without a hash where they have to stay there
left_texts = Table(
    "left_texts",
    metadata,
    Column("email", _ID, primary_key=True, autoincrement=False),
    Column("blob", LargeBinary, nullable=False),
)
Index("left_texts_by_blob", left_texts.c.blob)

email_bodies = Table(
    "email_bodies",
    metadata,
    Column("email", _ID, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

mailbox_emails = Table(
    "mailbox_emails",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("mailbox", _ID, primary_key=True),
    Column("email", _ID, primary_key=True),
    Column("thread", _ID, nullable=False),
    sqlite_with_rowid=False,
)

email_keywords = Table(
    "email_keywords",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("keyword", Text, primary_key=True),
    Column("email", _ID, primary_key=True),
    sqlite_with_rowid=False,
)

thread_references = Table(
    "thread_references",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("reference", _ID, primary_key=True),
    Column("thread", _ID, primary_key=True),
    sqlite_with_rowid=False,
)

objects = Table(
    "objects",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

queue = Table(
    "queue",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("blob", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("queued_at", _ID, nullable=False),
    sqlite_with_rowid=False,
)
Index("queue_by_blob", queue.c.blob)

# the Message-ID of what was submitted
submitted = Table(
    "submitted",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("submission", _ID, primary_key=True),
    Column("message_id", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("submitted_by_message_id", submitted.c.account, submitted.c.message_id)

# the messages of MDNs about what was submitted
reports = Table(
    "reports",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("submission", _ID, primary_key=True),
    Column("blob", LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)
Index("reports_by_blob", reports.c.blob)

# when whom an account has answered automatically
replies = Table(
    "replies",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("sender", Text, primary_key=True),
    Column("replied_at", _ID, nullable=False),
    sqlite_with_rowid=False,
)
Index("replies_in_order", replies.c.replied_at)

push_subscriptions = Table(
    "push_subscriptions",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("user", _ID, nullable=False),
    Column("credential", Text, nullable=False),
    Column("device_client_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("keys", Text),
    Column("types", Text),
    Column("expires", _ID),
    Column("ends", _ID, nullable=False),
    Column("made", _ID, nullable=False),
    Column("code", Text, nullable=False),
    Column("code_sent", Boolean, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("told", Text, nullable=False),
    sqlite_autoincrement=True,
)
Index("push_subscriptions_of_user", push_subscriptions.c.user)

blobs = Table(
    "blobs",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("size", _ID, nullable=False),
    Column("data", LargeBinary),
)

uploads = Table(
    "uploads",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("user", _ID, primary_key=True),
    Column("blob", LargeBinary, primary_key=True),
    Column("size", _ID, nullable=False),
    Column("uploaded_at", _ID, nullable=False),
    Column("prepared", LargeBinary),
)
Index("uploads_by_blob", uploads.c.blob)
Index("uploads_in_order", uploads.c.user, uploads.c.uploaded_at)
