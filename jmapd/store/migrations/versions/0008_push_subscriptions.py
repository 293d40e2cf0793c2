"""URLs that clients want to be told of changes at."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "push_subscriptions",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("user", _ID, nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("device_client_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("keys", sa.Text()),
        sa.Column("types", sa.Text()),
        sa.Column("expires", _ID),
        sa.Column("ends", _ID, nullable=False),
        sa.Column("made", _ID, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("code_sent", sa.Boolean(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("push_subscriptions_of_user", "push_subscriptions", ["user"], unique=False)
