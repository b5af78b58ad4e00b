"""Since when alert rules are as they are, and what they tell people."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables; they are filled where alert rules have a channel."""
    op.create_table(
        "alert_rule",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "alert_notice",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
    )
    op.create_index("ix_alert_notice_at", "alert_notice", ["at"])
    waiting = sa.text("state = 'waiting'")
    op.create_index("ix_alert_notice_open", "alert_notice", ["state"], sqlite_where=waiting, postgresql_where=waiting)


def downgrade() -> None:
    """What waits for its delivery is lost."""
    op.drop_table("alert_notice")
    op.drop_table("alert_rule")
