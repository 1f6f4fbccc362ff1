"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# A migration is a picture of its day: it does not import the tables, which go on changing.
INSTANT = sa.DateTime(timezone=True)


def _pair() -> sa.Column[int]:
    return sa.Column("pair_id", sa.Integer, sa.ForeignKey("sync_pair.pair_id"), primary_key=True)


def upgrade() -> None:
    op.create_table(
        "sync_pair",
        sa.Column("pair_id", sa.Integer, primary_key=True),
        sa.Column("vtex_account", sa.String(200), nullable=False),
        sa.Column("vtex_host", sa.String(300), nullable=False),
        sa.Column("connectif_host", sa.String(300), nullable=False),
        sa.Column("connectif_key_id", sa.String(200), nullable=False),
        sa.UniqueConstraint(
            "vtex_account", "vtex_host", "connectif_host", "connectif_key_id", name="sync_pair_accounts"
        ),
    )
    _progress()
    _records()
    _purchases()
    _newsletter()
    op.create_table(
        "sync_catalogue",
        _pair(),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("products", sa.Integer, nullable=False),
        sa.Column("run_key", sa.String(500), nullable=False),
        sa.Column("replaced_at", INSTANT, nullable=False),
    )


def _progress() -> None:
    op.create_table(
        "sync_activation",
        _pair(),
        sa.Column("area", sa.String(20), primary_key=True),
        sa.Column("run_key", sa.String(500), nullable=False),
        sa.Column("covered_until", INSTANT, nullable=False),
        sa.Column("activated_at", INSTANT, nullable=False),
    )
    op.create_table(
        "sync_coverage",
        _pair(),
        sa.Column("area", sa.String(20), primary_key=True),
        sa.Column("start_at", INSTANT, primary_key=True),
        sa.Column("end_at", INSTANT, primary_key=True),
    )
    op.create_table(
        "sync_run",
        _pair(),
        sa.Column("run_key", sa.String(500), primary_key=True),
        sa.Column("area", sa.String(20), nullable=False),
        sa.Column("dag_id", sa.String(250), nullable=False),
        sa.Column("run_id", sa.String(250), nullable=False),
        sa.Column("clear_number", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT),
        sa.Column("report", sa.JSON, nullable=False),
    )
    op.create_index("sync_run_latest", "sync_run", ["pair_id", "area", "started_at"])


def _records() -> None:
    op.create_table(
        "sync_record",
        _pair(),
        sa.Column("area", sa.String(20), primary_key=True),
        sa.Column("record_key", sa.String(200), primary_key=True),
        sa.Column("run_key", sa.String(500), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(40)),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.Column("last_seen", INSTANT, nullable=False),
    )
    op.create_index("sync_record_run", "sync_record", ["pair_id", "area", "run_key"])
    op.create_index("sync_record_reason", "sync_record", ["pair_id", "area", "reason", "last_seen"])


def _purchases() -> None:
    op.create_table(
        "sync_purchase",
        _pair(),
        sa.Column("purchase_id", sa.String(200), primary_key=True),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(40)),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("run_key", sa.String(500), nullable=False),
        sa.Column("order_ids", sa.JSON, nullable=False),
        sa.Column("purchase_date", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.Column("last_seen", INSTANT, nullable=False),
    )
    op.create_index("sync_purchase_outcome", "sync_purchase", ["pair_id", "outcome", "first_seen"])


def _newsletter() -> None:
    op.create_table(
        "sync_wish",
        _pair(),
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("instant", INSTANT, nullable=False),
        sa.Column("unsubscribed", sa.Boolean, nullable=False),
        sa.Column("applied_at", INSTANT),
    )
    op.create_table(
        "sync_pending_event",
        _pair(),
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("sealed_email", sa.Text, nullable=False),
        sa.Column("instant", INSTANT, nullable=False),
        sa.Column("unsubscribed", sa.Boolean, nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("waiting_since", INSTANT, nullable=False),
    )
    op.create_index("sync_pending_event_due", "sync_pending_event", ["pair_id", "not_before"])
