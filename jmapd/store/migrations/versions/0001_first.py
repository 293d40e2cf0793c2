"""The first schema."""

import sqlalchemy as sa
from alembic import op

from jmapd.store.sqlite import make_text_index

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "access",
        sa.Column("user", _ID, nullable=False),
        sa.Column("account", _ID, nullable=False),
        sa.Column("personal", sa.Boolean(), nullable=False),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user", "account"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "accounts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("modseq", _ID, nullable=False),
        sa.Column("spilled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "blobs",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("size", _ID, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "changes",
        sa.Column("account", _ID, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("object", _ID, nullable=False),
        sa.Column("made", _ID, nullable=False),
        sa.Column("changed", _ID, nullable=False),
        sa.Column("substantive", _ID, nullable=False),
        sa.Column("destroyed", _ID, nullable=True),
        sa.PrimaryKeyConstraint("account", "type", "object"),
        sqlite_with_rowid=False,
    )
    op.create_index("changes_in_order", "changes", ["account", "type", "changed"], unique=False)
    op.create_table(
        "email_bodies",
        sa.Column("email", _ID, autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("email"),
    )
    op.create_table(
        "email_keywords",
        sa.Column("account", _ID, nullable=False),
        sa.Column("keyword", sa.Text(), nullable=False),
        sa.Column("email", _ID, nullable=False),
        sa.PrimaryKeyConstraint("account", "keyword", "email"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "emails",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("account", _ID, nullable=False),
        sa.Column("thread", _ID, nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.Column("size", _ID, nullable=False),
        sa.Column("received_at", _ID, nullable=False),
        sa.Column("sent_at", _ID, nullable=True),
        sa.Column("unread", sa.Boolean(), nullable=False),
        sa.Column("has_attachment", sa.Boolean(), nullable=False),
        sa.Column("subject_key", sa.Text(), nullable=False),
        sa.Column("from_key", sa.Text(), nullable=False),
        sa.Column("to_key", sa.Text(), nullable=False),
        sa.Column("keywords", sa.LargeBinary(), nullable=False),
        sa.Column("mailboxes", sa.LargeBinary(), nullable=False),
        sa.Column("metadata", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("emails_of_blob", "emails", ["account", "blob"], unique=False)
    op.create_index("emails_of_thread", "emails", ["account", "thread"], unique=False)
    op.create_table(
        "mailbox_emails",
        sa.Column("account", _ID, nullable=False),
        sa.Column("mailbox", _ID, nullable=False),
        sa.Column("email", _ID, nullable=False),
        sa.Column("thread", _ID, nullable=False),
        sa.PrimaryKeyConstraint("account", "mailbox", "email"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mailboxes",
        sa.Column("account", _ID, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent", _ID, nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("sort_order", _ID, nullable=False),
        sa.Column("subscribed", sa.Boolean(), nullable=False),
        sa.Column("total_emails", _ID, nullable=False),
        sa.Column("unread_emails", _ID, nullable=False),
        sa.Column("total_threads", _ID, nullable=False),
        sa.Column("unread_threads", _ID, nullable=False),
        sa.PrimaryKeyConstraint("account", "id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "states",
        sa.Column("account", _ID, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("modseq", _ID, nullable=False),
        sa.Column("forgotten", _ID, nullable=False),
        sa.PrimaryKeyConstraint("account", "type"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "store",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "thread_references",
        sa.Column("account", _ID, nullable=False),
        sa.Column("reference", _ID, nullable=False),
        sa.Column("thread", _ID, nullable=False),
        sa.PrimaryKeyConstraint("account", "reference", "thread"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "uploads",
        sa.Column("account", _ID, nullable=False),
        sa.Column("user", _ID, nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.Column("size", _ID, nullable=False),
        sa.Column("uploaded_at", _ID, nullable=False),
        sa.Column("prepared", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("account", "user", "blob"),
    )
    op.create_index("uploads_in_order", "uploads", ["user", "uploaded_at"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("session", _ID, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    make_text_index(op.get_bind())
