"""The tables, as the current schema has them; `migrations/` is how a store gets there.

Every row belongs to a shop: a shop that tried the sandbox first still gets its first load.
No column holds an e-mail address: people are keyed hashes, and the address of a waiting newsletter event
is encrypted, as is what a vendor said of a record.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from include.window import as_utc

SCHEMA = "0010"
"""The newest revision in `migrations/versions`. Revisions are numbers: older and newer can be told."""

metadata = sa.MetaData()


class Instant(sa.TypeDecorator[datetime]):
    """An aware instant in UTC, in and out; SQLite itself would forget the offset. Naive ones are refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else as_utc(value)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _pair() -> sa.Column[int]:
    return sa.Column("shop_id", sa.ForeignKey("sync_shop.shop_id"), primary_key=True)


def _pipeline() -> sa.Column[str]:
    return sa.Column("pipeline", sa.String(20), primary_key=True)


pair = sa.Table(
    "sync_shop",
    metadata,
    sa.Column("shop_id", sa.Integer, primary_key=True),
    sa.Column("vtex_account", sa.String(200), nullable=False),
    sa.Column("vtex_host", sa.String(300), nullable=False),
    sa.Column("connectif_host", sa.String(300), nullable=False),
    sa.Column("connectif_key_id", sa.String(200), nullable=False),
    sa.UniqueConstraint(
        "vtex_account", "vtex_host", "connectif_host", "connectif_key_id", name="sync_shop_accounts"
    ),
)

activation = sa.Table(
    "sync_activation",
    metadata,
    _pair(),
    _pipeline(),
    sa.Column("run_key", sa.String(500), nullable=False),
    sa.Column("covered_until", Instant, nullable=False),
    sa.Column("activated_at", Instant, nullable=False),
)

coverage = sa.Table(
    "sync_coverage",
    metadata,
    _pair(),
    _pipeline(),
    sa.Column("start_at", Instant, primary_key=True),
    sa.Column("end_at", Instant, primary_key=True),
)

left_edge = sa.Table(
    "sync_left_edge",
    metadata,
    _pair(),
    _pipeline(),
    sa.Column("start_at", Instant, nullable=False),
)
"""Since when a pipeline's time is to be covered. What lies before is not missing, whatever a back-fill took."""

run = sa.Table(
    "sync_run",
    metadata,
    _pair(),
    sa.Column("run_key", sa.String(500), primary_key=True),
    sa.Column("pipeline", sa.String(20), nullable=False),
    sa.Column("dag_id", sa.String(250), nullable=False),
    sa.Column("run_id", sa.String(250), nullable=False),
    sa.Column("clear_number", sa.Integer, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("report", sa.JSON, nullable=False),
    sa.Index("sync_run_latest", "shop_id", "pipeline", "started_at"),
    sa.Index("sync_run_age", "started_at"),
)

record = sa.Table(
    "sync_record",
    metadata,
    _pair(),
    _pipeline(),
    sa.Column("record_key", sa.String(200), primary_key=True),
    sa.Column("run_key", sa.String(500), nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("reason", sa.String(40)),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("first_seen", Instant, nullable=False),
    sa.Column("last_seen", Instant, nullable=False),
    sa.Index("sync_record_run", "shop_id", "pipeline", "run_key"),
    sa.Index("sync_record_reason", "shop_id", "pipeline", "reason", "last_seen"),
    sa.Index("sync_record_age", "last_seen"),
)

vendor_text = sa.Table(
    "sync_vendor_text",
    metadata,
    _pair(),
    _pipeline(),
    sa.Column("record_key", sa.String(200), primary_key=True),
    sa.Column("sealed_text", sa.Text, nullable=False),
    sa.Column("last_seen", Instant, nullable=False),
    sa.Index("sync_vendor_text_age", "last_seen"),
)
"""What a vendor said of a record that it refused, encrypted: it may quote the customer."""

purchase = sa.Table(
    "sync_purchase",
    metadata,
    _pair(),
    sa.Column("purchase_id", sa.String(200), primary_key=True),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("reason", sa.String(40)),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("run_key", sa.String(500), nullable=False),
    sa.Column("order_ids", sa.JSON, nullable=False),
    sa.Column("purchase_date", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("first_seen", Instant, nullable=False),
    sa.Column("last_seen", Instant, nullable=False),
    sa.Index("sync_purchase_outcome", "shop_id", "outcome", "first_seen"),
    sa.Column("person", sa.String(64)),
    sa.Column("lines_left_out", sa.Integer, nullable=False, server_default="0"),
    sa.Index("sync_purchase_age", "last_seen"),
    sa.Index("sync_purchase_person", "person"),
)

posting = sa.Table(
    "sync_posting",
    metadata,
    _pair(),
    sa.Column("purchase_id", sa.String(200), primary_key=True),
    sa.Column("run_key", sa.String(500), primary_key=True),
    sa.Column("person", sa.String(64), nullable=False),
    sa.Column("lines_left_out", sa.Integer, nullable=False),
    sa.Column("marked_at", Instant, nullable=False),
    sa.Index("sync_posting_age", "marked_at"),
    sa.Index("sync_posting_person", "person"),
)
"""Purchases on their way to Connectif, and the runs that post them. A row that stays is of a process that
ended before it recorded the answer: Connectif may have the purchase.
"""

change = sa.Table(
    "sync_subscription",
    metadata,
    _pair(),
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("instant", Instant, nullable=False),
    sa.Column("unsubscribed", sa.Boolean, nullable=False),
    sa.Column("applied_at", Instant),
)

writing = sa.Table(
    "sync_writing",
    metadata,
    _pair(),
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("instant", Instant, primary_key=True),
    sa.Column("unsubscribed", sa.Boolean, primary_key=True),
    sa.Column("writer", sa.String(600), primary_key=True),
)
"""Subscription changes on their way to VTEX, and the runs that write them. What a process that died leaves here may
have got there after all others.
"""

pending_event = sa.Table(
    "sync_pending_event",
    metadata,
    _pair(),
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("sealed_email", sa.Text, nullable=False),
    sa.Column("instant", Instant, nullable=False),
    sa.Column("unsubscribed", sa.Boolean, nullable=False),
    sa.Column("not_before", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("waiting_since", Instant, nullable=False),
    sa.Index("sync_pending_event_due", "shop_id", "not_before"),
)

taken_event = sa.Table(
    "sync_taken_event",
    metadata,
    _pair(),
    sa.Column("run_key", sa.String(600), primary_key=True),
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("sealed_email", sa.Text, nullable=False),
    sa.Column("instant", Instant, nullable=False),
    sa.Column("unsubscribed", sa.Boolean, nullable=False),
    sa.Column("not_before", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("taken_at", Instant, nullable=False),
    sa.Index("sync_taken_event_age", "taken_at"),
    sa.Index("sync_taken_event_person", "person"),
)
"""Waiting events as a run found them. A retry takes the same, whatever has become of them since."""

claim = sa.Table(
    "sync_claim",
    metadata,
    _pair(),
    sa.Column("run_key", sa.String(600), primary_key=True),
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("instant", Instant, nullable=False),
    sa.Column("unsubscribed", sa.Boolean, nullable=False),
    sa.Column("before_instant", Instant),
    sa.Column("before_unsubscribed", sa.Boolean),
    sa.Column("before_applied_at", Instant),
    sa.Column("documents", sa.Integer, nullable=False),
    sa.Column("claimed_at", Instant, nullable=False),
    sa.Index("sync_claim_age", "claimed_at"),
    sa.Index("sync_claim_person", "person"),
)
"""What a run has claimed, what the ledger said before, and how many documents it began to write."""

catalogue = sa.Table(
    "sync_catalogue",
    metadata,
    _pair(),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("products", sa.Integer, nullable=False),
    sa.Column("run_key", sa.String(500), nullable=False),
    sa.Column("replaced_at", Instant, nullable=False),
)

lease = sa.Table(
    "sync_leases",
    metadata,
    _pair(),
    _pipeline(),
    sa.Column("stage", sa.String(40), primary_key=True),
    sa.Column("run_key", sa.String(500), nullable=False),
    sa.Column("owner", sa.String(500), nullable=False),
    sa.Column("acquired_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)
"""Which run does a stage that writes. A row of a run that has ended without removing it expires."""

erased = sa.Table(
    "sync_erased",
    metadata,
    sa.Column("shop", sa.String(300), primary_key=True),
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("key_mark", sa.String(16), nullable=False),
    sa.Column("erased_at", Instant, nullable=False),
)
"""Of a whole VTEX account, whichever pair: who leaves a shop leaves it for good."""
