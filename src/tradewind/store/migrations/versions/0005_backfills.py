"""Backfills, the dates of each, and runs that belong to one or stay with their version."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables and two columns; nothing that is there changes."""
    op.create_table(
        "backfill",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("from_date", sa.BigInteger(), nullable=False),
        sa.Column("to_date", sa.BigInteger(), nullable=False),
        sa.Column("conf", sa.Text(), nullable=False),
        sa.Column("reprocess", sa.Text(), nullable=False),
        sa.Column("max_active", sa.Integer(), nullable=False),
        sa.Column("backwards", sa.Boolean(), nullable=False),
        sa.Column("latest", sa.Boolean()),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("triggering_user", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger()),
    )
    op.create_index("ix_backfill_dag_id", "backfill", ["dag_id"])
    active = sa.text("state = 'active'")
    op.create_index("ix_backfill_active", "backfill", ["state"], sqlite_where=active, postgresql_where=active)
    op.create_table(
        "backfill_run",
        sa.Column("backfill", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("logical_date", sa.BigInteger()),
        sa.Column("data_interval_start", sa.BigInteger()),
        sa.Column("data_interval_end", sa.BigInteger()),
        sa.Column("run_after", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("run", sa.BigInteger()),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("run", sa.Column("backfill", sa.BigInteger()))
    op.add_column("run", sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("run", "pinned")
    op.drop_column("run", "backfill")
    op.drop_table("backfill_run")
    op.drop_table("backfill")
