"""Small objects as JSON; each account gets the Identity that new accounts are made with."""

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_MAKE_IDENTITY = (
    "UPDATE accounts SET modseq = :at WHERE id = :account",
    "INSERT INTO objects (account, type, id, data) VALUES (:account, 'Identity', :at, :data)",
    """INSERT INTO changes (account, type, object, made, changed, substantive)
    VALUES (:account, 'Identity', :at, :at, :at, :at)""",
    "INSERT INTO states (account, type, modseq, forgotten) VALUES (:account, 'Identity', :at, 0)",
)


def upgrade() -> None:
    """Make the table, and the Identities."""
    op.create_table(
        "objects",
        sa.Column("account", _ID, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account", "type", "id"),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    for account, name, modseq in connection.execute(sa.text("SELECT id, name, modseq FROM accounts")).fetchall():
        identity = {"name": "", "email": name, "replyTo": None, "bcc": None, "textSignature": "", "htmlSignature": ""}
        data = orjson.dumps({**identity, "mayDelete": False})
        for statement in _MAKE_IDENTITY:
            connection.execute(sa.text(statement), {"account": account, "at": modseq + 1, "data": data})
