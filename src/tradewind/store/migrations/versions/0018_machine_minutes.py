"""What workers' machines had to do, minute by minute."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table, empty."""
    op.create_table(
        "machine_minute",
        sa.Column("place", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("worker", sa.Text(), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("cpu", sa.Float()),
        sa.Column("memory", sa.Float(), nullable=False),
        sa.Column("disk", sa.Float(), nullable=False),
    )
    op.create_index("ix_machine_minute_at", "machine_minute", ["at"])


def downgrade() -> None:
    """The past of the machines is lost; what they do now is measured on."""
    op.drop_table("machine_minute")
