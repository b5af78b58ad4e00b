"""An index over when runs ended, for counting those of a span of time."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing that is there changes."""
    ended = sa.text("end_date IS NOT NULL")
    op.create_index("ix_run_ended", "run", ["end_date", "state", "dag_id"], sqlite_where=ended, postgresql_where=ended)


def downgrade() -> None:
    op.drop_index("ix_run_ended", table_name="run")
