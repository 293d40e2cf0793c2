"""Who has been answered automatically, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "replies",
        sa.Column("account", _ID, nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("replied_at", _ID, nullable=False),
        sa.PrimaryKeyConstraint("account", "sender"),
        sqlite_with_rowid=False,
    )
    op.create_index("replies_in_order", "replies", ["replied_at"], unique=False)
