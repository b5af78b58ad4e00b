"""What tasks keep: beside a task instance from one try to the next, and beside an asset from one run to the next."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables; nothing that is there changes."""
    op.create_table(
        "task_state_store",
        sa.Column("run", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("task_id", sa.Text(), primary_key=True),
        sa.Column("map_index", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sqlite_with_rowid=False,
    )
    expires = sa.text("expires_at IS NOT NULL")
    op.create_index(
        "ix_task_state_store_expires_at", "task_state_store", ["expires_at"], sqlite_where=expires,
        postgresql_where=expires,
    )  # fmt: skip
    op.create_table(
        "asset_state_store",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("uri", sa.Text(), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("asset_state_store")
    op.drop_table("task_state_store")
