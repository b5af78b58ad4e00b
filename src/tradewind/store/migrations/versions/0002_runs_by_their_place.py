"""An index over where a run stands among the runs of its Dag, for depends_on_past."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_run_place", "run", ["dag_id", sa.text("coalesce(logical_date, run_after)")])


def downgrade() -> None:
    op.drop_index("ix_run_place", table_name="run")
