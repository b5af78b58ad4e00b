"""What task instances ask people, and the answers."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table; nothing that is there changes."""
    op.create_table(
        "question",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("defaults", sa.Text()),
        sa.Column("multiple", sa.Boolean(), nullable=False),
        sa.Column("params", sa.LargeBinary(), nullable=False),
        sa.Column("assigned", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("timeout_at", sa.BigInteger()),
        sa.Column("answered_at", sa.BigInteger()),
        sa.Column("answered_by", sa.Text()),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("params_input", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_question_task", "question", ["run", "task_id", "map_index"])


def downgrade() -> None:
    op.drop_table("question")
