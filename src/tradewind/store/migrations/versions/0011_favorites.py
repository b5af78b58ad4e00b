"""Dags that people want to find again quickly."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table; nothing that is there changes."""
    op.create_table(
        "favorite",
        sa.Column("username", sa.Text(), primary_key=True),
        sa.Column("dag_id", sa.Text(), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_favorite_dag_id", "favorite", ["dag_id"])


def downgrade() -> None:
    op.drop_table("favorite")
