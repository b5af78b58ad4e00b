"""What the files of Dags let roles do with them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table; nothing that is there changes."""
    op.create_table(
        "dag_access",
        sa.Column("role", sa.Text(), primary_key=True),
        sa.Column("dag_id", sa.Text(), primary_key=True),
        sa.Column("rights", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_dag_access_dag_id", "dag_access", ["dag_id"])


def downgrade() -> None:
    """Files say it again when they are read."""
    op.drop_table("dag_access")
