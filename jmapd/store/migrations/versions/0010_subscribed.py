"""The Mailboxes of others that a user is subscribed to."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them to the accesses."""
    op.add_column("access", sa.Column("subscribed", sa.Text(), nullable=False, server_default="[]"))
