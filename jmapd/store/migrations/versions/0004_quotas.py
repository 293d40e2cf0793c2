"""Accounts count what they use, and may be bounded."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Count what is there; nothing is bounded."""
    for name in ("emails", "octets"):
        op.add_column("accounts", sa.Column(name, _ID, nullable=False, server_default="0"))
    for name in ("max_emails", "max_octets"):
        op.add_column("accounts", sa.Column(name, _ID, nullable=True))
    op.execute(
        """UPDATE accounts SET
        emails = (SELECT count(*) FROM emails WHERE emails.account = accounts.id),
        octets = (SELECT coalesce(sum(size), 0) FROM emails WHERE emails.account = accounts.id)"""
    )
