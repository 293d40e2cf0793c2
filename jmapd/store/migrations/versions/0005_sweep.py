"""What the sweep needs to know: how old changes are, which texts are left in the index, and what refers to a blob."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables and indexes. Texts of Emails that were destroyed before stay, and nobody sees them."""
    op.create_table(
        "ages",
        sa.Column("account", _ID, nullable=False),
        sa.Column("modseq", _ID, nullable=False),
        sa.Column("at", _ID, nullable=False),
        sa.PrimaryKeyConstraint("account", "modseq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "left_texts",
        sa.Column("email", _ID, autoincrement=False, nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("email"),
    )
    op.create_index(
        "changes_destroyed",
        "changes",
        ["account", "destroyed"],
        unique=False,
        sqlite_where=sa.text("destroyed IS NOT NULL"),
        postgresql_where=sa.text("destroyed IS NOT NULL"),
    )
    op.create_index("left_texts_by_blob", "left_texts", ["blob"], unique=False)
    op.create_index("emails_by_blob", "emails", ["blob"], unique=False)
    op.create_index("uploads_by_blob", "uploads", ["blob"], unique=False)
