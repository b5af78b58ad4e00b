"""What people note about task instances."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table; nothing that is there changes."""
    op.create_table(
        "task_note",
        sa.Column("run", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("task_id", sa.Text(), primary_key=True),
        sa.Column("map_index", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Notes are forgotten."""
    op.drop_table("task_note")
