"""Payment method and sales channel of each purchase (earlier rows have neither); failures of tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("sync_purchase", sa.Column("payment_method", sa.String(length=100)))
    op.add_column("sync_purchase", sa.Column("sales_channel", sa.String(length=100)))
    op.create_table(
        "sync_task_failure",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("run_started_at", INSTANT, nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=250), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("failed_at", INSTANT, nullable=False),
        sa.Column("retried", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "dag_id", "run_id", "task_id", "map_index"),
    )
    op.create_index("sync_task_failure_age", "sync_task_failure", ["failed_at"], unique=False)
