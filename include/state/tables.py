"""The tables of the current schema; `migrations/` creates and changes them.

Every row belongs to a shop, by its name.
No column holds a plain e-mail address: people are keyed hashes. The address of a waiting newsletter event is
encrypted, and so is a vendor's text about a record.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from include.window import as_utc

SCHEMA = "0012"
"""The newest revision in `migrations/versions`. Revisions are numbers, so that they can be compared."""
LONGEST_ORIGIN = 100
"""Longer names of payment methods and sales channels are cut."""

metadata = sa.MetaData()


class Instant(sa.TypeDecorator[datetime]):
    """An aware instant in UTC, in and out; SQLite stores no offset. A naive instant raises ValueError."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else as_utc(value)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _shop_id() -> sa.Column[int]:
    return sa.Column("shop_id", sa.ForeignKey("sync_shop.shop_id"), primary_key=True)


def _pipeline() -> sa.Column[str]:
    return sa.Column("pipeline", sa.String(20), primary_key=True)


shop = sa.Table(
    "sync_shop",
    metadata,
    sa.Column("shop_id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("folder", sa.String(250), nullable=False),
    sa.Column("vtex_account", sa.String(200), nullable=False),
    sa.Column("vtex_host", sa.String(300), nullable=False),
    sa.Column("connectif_host", sa.String(300), nullable=False),
    sa.Column("connectif_key_id", sa.String(200), nullable=False),
    sa.Column("connectif_store_id", sa.String(200)),
    sa.UniqueConstraint("name", name="sync_shop_name"),
)
"""`connectif_key_id` is the key that was used last. `connectif_store_id` is Connectif's id of the account:
empty if Connectif does not tell it, NULL if no run has asked yet.
"""

activation = sa.Table(
    "sync_activation",
    metadata,
    _shop_id(),
    _pipeline(),
    sa.Column("run_key", sa.String(500), nullable=False),
    sa.Column("covered_until", Instant, nullable=False),
    sa.Column("activated_at", Instant, nullable=False),
)

coverage = sa.Table(
    "sync_coverage",
    metadata,
    _shop_id(),
    _pipeline(),
    sa.Column("start_at", Instant, primary_key=True),
    sa.Column("end_at", Instant, primary_key=True),
)

left_edge = sa.Table(
    "sync_left_edge",
    metadata,
    _shop_id(),
    _pipeline(),
    sa.Column("start_at", Instant, nullable=False),
)
"""The instant from which runs must cover a pipeline's time. Earlier time is not missing, even after a
back-fill.
"""

run = sa.Table(
    "sync_run",
    metadata,
    _shop_id(),
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

task_failure = sa.Table(
    "sync_task_failure",
    metadata,
    _shop_id(),
    sa.Column("dag_id", sa.String(250), primary_key=True),
    sa.Column("run_id", sa.String(250), primary_key=True),
    sa.Column("task_id", sa.String(250), primary_key=True),
    sa.Column("map_index", sa.Integer, primary_key=True),
    sa.Column("run_started_at", Instant, nullable=False),
    sa.Column("try_number", sa.Integer, nullable=False),
    sa.Column("error", sa.String(250), nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("failed_at", Instant, nullable=False),
    sa.Column("retried", sa.Boolean, nullable=False),
    sa.Index("sync_task_failure_age", "failed_at"),
)
"""Tasks whose last try failed, with our own message; of other errors only the class."""

record = sa.Table(
    "sync_record",
    metadata,
    _shop_id(),
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
    sqlite_with_rowid=False,
)
"""SQLite keeps the rows in the order of the primary key, in which a download reads them."""

vendor_text = sa.Table(
    "sync_vendor_text",
    metadata,
    _shop_id(),
    _pipeline(),
    sa.Column("record_key", sa.String(200), primary_key=True),
    sa.Column("sealed_text", sa.Text, nullable=False),
    sa.Column("last_seen", Instant, nullable=False),
    sa.Index("sync_vendor_text_age", "last_seen"),
)
"""The vendor's text about a record that it rejected, encrypted: the text may quote the customer."""

purchase = sa.Table(
    "sync_purchase",
    metadata,
    _shop_id(),
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
    sa.Column("payment_method", sa.String(LONGEST_ORIGIN)),
    sa.Column("sales_channel", sa.String(LONGEST_ORIGIN)),
    sa.Index("sync_purchase_age", "last_seen"),
    sa.Index("sync_purchase_person", "person"),
)

posting = sa.Table(
    "sync_posting",
    metadata,
    _shop_id(),
    sa.Column("purchase_id", sa.String(200), primary_key=True),
    sa.Column("run_key", sa.String(500), primary_key=True),
    sa.Column("person", sa.String(64), nullable=False),
    sa.Column("lines_left_out", sa.Integer, nullable=False),
    sa.Column("marked_at", Instant, nullable=False),
    sa.Index("sync_posting_age", "marked_at"),
    sa.Index("sync_posting_person", "person"),
)
"""Purchases that a run is posting to Connectif. A row that stays belongs to a process that ended before it
recorded the answer: Connectif may have the purchase.
"""

subscription = sa.Table(
    "sync_subscription",
    metadata,
    _shop_id(),
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("instant", Instant, nullable=False),
    sa.Column("unsubscribed", sa.Boolean, nullable=False),
    sa.Column("applied_at", Instant),
)

subscription_in_flight = sa.Table(
    "sync_subscription_in_flight",
    metadata,
    _shop_id(),
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("instant", Instant, primary_key=True),
    sa.Column("unsubscribed", sa.Boolean, primary_key=True),
    sa.Column("writer", sa.String(600), primary_key=True),
)
"""Subscription changes that a run is writing to VTEX. A row that stays belongs to a process that died: VTEX
may have received that change after all others.
"""

pending_event = sa.Table(
    "sync_pending_event",
    metadata,
    _shop_id(),
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
    _shop_id(),
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
"""The waiting events that a run took. A retry takes the same events, even if they have changed since."""

claim = sa.Table(
    "sync_claim",
    metadata,
    _shop_id(),
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
"""The claims of a run: the state before each claim, and how many documents the run began to write."""

catalogue = sa.Table(
    "sync_catalogue",
    metadata,
    _shop_id(),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("products", sa.Integer, nullable=False),
    sa.Column("run_key", sa.String(500), nullable=False),
    sa.Column("replaced_at", Instant, nullable=False),
)

lease = sa.Table(
    "sync_leases",
    metadata,
    _shop_id(),
    _pipeline(),
    sa.Column("stage", sa.String(40), primary_key=True),
    sa.Column("run_key", sa.String(500), nullable=False),
    sa.Column("owner", sa.String(500), nullable=False),
    sa.Column("acquired_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)
"""The run that holds a writing stage. The row of a run that ended without removing it expires."""

erased = sa.Table(
    "sync_erased",
    metadata,
    sa.Column("vtex_account", sa.String(300), primary_key=True),
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("key_mark", sa.String(16), nullable=False),
    sa.Column("erased_at", Instant, nullable=False),
)
"""Erased people of a VTEX account, for all shops with that account. `vtex_account` is the host if the account
is empty.
"""
