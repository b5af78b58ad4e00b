"""How long the last runs took, of Dags whose deadlines look at them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table; it is filled when such a Dag is parsed, and when one of its runs ends."""
    op.create_table(
        "runtime",
        sa.Column("dag_id", sa.Text(), primary_key=True),
        sa.Column("seconds", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """The next start works them out from the runs that there are."""
    op.drop_table("runtime")
