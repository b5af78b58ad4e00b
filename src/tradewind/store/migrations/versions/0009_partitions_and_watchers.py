"""Partitions of runs and asset events, what gathers for them, and the triggers that watch assets."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables, four columns and an index; nothing that is there changes."""
    for table in ("run", "asset_event"):
        op.add_column(table, sa.Column("partition_key", sa.Text()))
        op.add_column(table, sa.Column("partition_date", sa.BigInteger()))
    has_one = sa.text("partition_key IS NOT NULL")
    op.create_index(
        "ix_run_partition", "run", ["dag_id", "partition_key"], sqlite_where=has_one, postgresql_where=has_one
    )
    op.create_table(
        "partition_queue",
        sa.Column("dag_id", sa.Text(), primary_key=True),
        sa.Column("partition", sa.Text(), primary_key=True),
        sa.Column("event", sa.BigInteger(), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "watcher",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("classpath", sa.Text(), nullable=False),
        sa.Column("kwargs", sa.LargeBinary(), nullable=False),
        sa.Column("assets", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("retry_at", sa.BigInteger()),
    )


def downgrade() -> None:
    op.drop_table("watcher")
    op.drop_table("partition_queue")
    op.drop_index("ix_run_partition", "run")
    for table in ("asset_event", "run"):
        op.drop_column(table, "partition_date")
        op.drop_column(table, "partition_key")
