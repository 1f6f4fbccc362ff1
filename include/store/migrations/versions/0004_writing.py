"""Which wishes are on their way to VTEX."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "sync_writing",
        sa.Column("pair_id", sa.Integer, sa.ForeignKey("sync_pair.pair_id"), primary_key=True),
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("instant", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("unsubscribed", sa.Boolean, primary_key=True),
        sa.Column("writer", sa.String(600), primary_key=True),
    )
