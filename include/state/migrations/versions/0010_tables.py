"""All tables of version 0.2.0. It cannot upgrade a state store of an earlier, unreleased version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = None
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "sync_erased",
        sa.Column("vtex_account", sa.String(length=300), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("key_mark", sa.String(length=16), nullable=False),
        sa.Column("erased_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("vtex_account", "person"),
    )
    op.create_table(
        "sync_shop",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("vtex_account", sa.String(length=200), nullable=False),
        sa.Column("vtex_host", sa.String(length=300), nullable=False),
        sa.Column("connectif_host", sa.String(length=300), nullable=False),
        sa.Column("connectif_key_id", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("shop_id"),
        sa.UniqueConstraint(
            "vtex_account", "vtex_host", "connectif_host", "connectif_key_id", name="sync_shop_accounts"
        ),
    )
    op.create_table(
        "sync_activation",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("pipeline", sa.String(length=20), nullable=False),
        sa.Column("run_key", sa.String(length=500), nullable=False),
        sa.Column("covered_until", INSTANT, nullable=False),
        sa.Column("activated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "pipeline"),
    )
    op.create_table(
        "sync_catalogue",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("products", sa.Integer(), nullable=False),
        sa.Column("run_key", sa.String(length=500), nullable=False),
        sa.Column("replaced_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id"),
    )
    op.create_table(
        "sync_claim",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("run_key", sa.String(length=600), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("instant", INSTANT, nullable=False),
        sa.Column("unsubscribed", sa.Boolean(), nullable=False),
        sa.Column("before_instant", INSTANT),
        sa.Column("before_unsubscribed", sa.Boolean()),
        sa.Column("before_applied_at", INSTANT),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "run_key", "person"),
    )
    op.create_index("sync_claim_age", "sync_claim", ["claimed_at"], unique=False)
    op.create_index("sync_claim_person", "sync_claim", ["person"], unique=False)
    op.create_table(
        "sync_coverage",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("pipeline", sa.String(length=20), nullable=False),
        sa.Column("start_at", INSTANT, nullable=False),
        sa.Column("end_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "pipeline", "start_at", "end_at"),
    )
    op.create_table(
        "sync_leases",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("pipeline", sa.String(length=20), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("run_key", sa.String(length=500), nullable=False),
        sa.Column("owner", sa.String(length=500), nullable=False),
        sa.Column("acquired_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "pipeline", "stage"),
    )
    op.create_table(
        "sync_left_edge",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("pipeline", sa.String(length=20), nullable=False),
        sa.Column("start_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "pipeline"),
    )
    op.create_table(
        "sync_pending_event",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("sealed_email", sa.Text(), nullable=False),
        sa.Column("instant", INSTANT, nullable=False),
        sa.Column("unsubscribed", sa.Boolean(), nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("waiting_since", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "person"),
    )
    op.create_index("sync_pending_event_due", "sync_pending_event", ["shop_id", "not_before"], unique=False)
    op.create_table(
        "sync_posting",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("purchase_id", sa.String(length=200), nullable=False),
        sa.Column("run_key", sa.String(length=500), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("lines_left_out", sa.Integer(), nullable=False),
        sa.Column("marked_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "purchase_id", "run_key"),
    )
    op.create_index("sync_posting_age", "sync_posting", ["marked_at"], unique=False)
    op.create_index("sync_posting_person", "sync_posting", ["person"], unique=False)
    op.create_table(
        "sync_purchase",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("purchase_id", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=40)),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("run_key", sa.String(length=500), nullable=False),
        sa.Column("order_ids", sa.JSON(), nullable=False),
        sa.Column("purchase_date", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.Column("last_seen", INSTANT, nullable=False),
        sa.Column("person", sa.String(length=64)),
        sa.Column("lines_left_out", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "purchase_id"),
    )
    op.create_index("sync_purchase_age", "sync_purchase", ["last_seen"], unique=False)
    op.create_index(
        "sync_purchase_outcome", "sync_purchase", ["shop_id", "outcome", "first_seen"], unique=False
    )
    op.create_index("sync_purchase_person", "sync_purchase", ["person"], unique=False)
    op.create_table(
        "sync_record",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("pipeline", sa.String(length=20), nullable=False),
        sa.Column("record_key", sa.String(length=200), nullable=False),
        sa.Column("run_key", sa.String(length=500), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=40)),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.Column("last_seen", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "pipeline", "record_key"),
    )
    op.create_index("sync_record_age", "sync_record", ["last_seen"], unique=False)
    op.create_index(
        "sync_record_reason", "sync_record", ["shop_id", "pipeline", "reason", "last_seen"], unique=False
    )
    op.create_index("sync_record_run", "sync_record", ["shop_id", "pipeline", "run_key"], unique=False)
    op.create_table(
        "sync_run",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("run_key", sa.String(length=500), nullable=False),
        sa.Column("pipeline", sa.String(length=20), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("clear_number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "run_key"),
    )
    op.create_index("sync_run_age", "sync_run", ["started_at"], unique=False)
    op.create_index("sync_run_latest", "sync_run", ["shop_id", "pipeline", "started_at"], unique=False)
    op.create_table(
        "sync_subscription",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("instant", INSTANT, nullable=False),
        sa.Column("unsubscribed", sa.Boolean(), nullable=False),
        sa.Column("applied_at", INSTANT),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "person"),
    )
    op.create_table(
        "sync_subscription_in_flight",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("instant", INSTANT, nullable=False),
        sa.Column("unsubscribed", sa.Boolean(), nullable=False),
        sa.Column("writer", sa.String(length=600), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "person", "instant", "unsubscribed", "writer"),
    )
    op.create_table(
        "sync_taken_event",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("run_key", sa.String(length=600), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("sealed_email", sa.Text(), nullable=False),
        sa.Column("instant", INSTANT, nullable=False),
        sa.Column("unsubscribed", sa.Boolean(), nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("taken_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "run_key", "person"),
    )
    op.create_index("sync_taken_event_age", "sync_taken_event", ["taken_at"], unique=False)
    op.create_index("sync_taken_event_person", "sync_taken_event", ["person"], unique=False)
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
    op.create_table(
        "sync_vendor_text",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("pipeline", sa.String(length=20), nullable=False),
        sa.Column("record_key", sa.String(length=200), nullable=False),
        sa.Column("sealed_text", sa.Text(), nullable=False),
        sa.Column("last_seen", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["sync_shop.shop_id"],
        ),
        sa.PrimaryKeyConstraint("shop_id", "pipeline", "record_key"),
    )
    op.create_index("sync_vendor_text_age", "sync_vendor_text", ["last_seen"], unique=False)
