"""Deferred task instances and what they wait for."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """One table; nothing that is there changes."""
    op.create_table(
        "deferral",
        sa.Column("run", sa.BigInteger(), primary_key=True),
        sa.Column("task_id", sa.Text(), primary_key=True),
        sa.Column("map_index", sa.Integer(), primary_key=True),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("classpath", sa.Text(), nullable=False),
        sa.Column("kwargs", sa.LargeBinary(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("method_kwargs", sa.LargeBinary(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("pool_slots", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger()),
        sa.Column("at", sa.BigInteger()),
        sa.Column("at_event", sa.LargeBinary(), nullable=False),
        sa.Column("at_ends", sa.Text(), nullable=False),
        sa.Column("timeout_at", sa.BigInteger()),
        sa.Column("is_answered", sa.Boolean(), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
    )
