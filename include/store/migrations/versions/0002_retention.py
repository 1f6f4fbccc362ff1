"""Indexes by age, so that old rows are found without reading all of them."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("sync_run_age", "sync_run", ["started_at"])
    op.create_index("sync_record_age", "sync_record", ["last_seen"])
    op.create_index("sync_purchase_age", "sync_purchase", ["last_seen"])
