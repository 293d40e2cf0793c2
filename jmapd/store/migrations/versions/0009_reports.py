"""What has been submitted, by its Message-ID, and which reports have come about it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables. Reports about what was submitted before are not told of."""
    op.create_table(
        "submitted",
        sa.Column("account", _ID, nullable=False),
        sa.Column("submission", _ID, nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "submission"),
        sqlite_with_rowid=False,
    )
    op.create_index("submitted_by_message_id", "submitted", ["account", "message_id"], unique=False)
    op.create_table(
        "reports",
        sa.Column("account", _ID, nullable=False),
        sa.Column("submission", _ID, nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account", "submission", "blob"),
        sqlite_with_rowid=False,
    )
    op.create_index("reports_by_blob", "reports", ["blob"], unique=False)
