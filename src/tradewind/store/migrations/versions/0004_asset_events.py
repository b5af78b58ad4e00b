"""Asset events, the Dags that they wait for, and the runs that took them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Four tables; nothing that is there changes."""
    op.create_table(
        "asset_event",
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("asset_group", sa.Text(), nullable=False),
        sa.Column("extra", sa.LargeBinary(), nullable=False),
        sa.Column("aliases", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.UniqueConstraint("id", name="uq_asset_event_id"),
    )
    op.create_index("ix_asset_event_name_number", "asset_event", ["name", "number"])
    op.create_index("ix_asset_event_uri_number", "asset_event", ["uri", "number"])
    for table, owner in (("asset_event_alias", "alias"), ("asset_queue", "dag_id")):
        op.create_table(
            table,
            sa.Column(owner, sa.Text(), primary_key=True),
            sa.Column("event", sa.BigInteger(), primary_key=True, autoincrement=False),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "asset_run",
        sa.Column("run", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("event", sa.BigInteger(), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_asset_run_event", "asset_run", ["event"])
