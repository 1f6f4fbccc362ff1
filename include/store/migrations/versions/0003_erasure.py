"""Who was erased, and whose a purchase is, both as keyed hashes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "sync_erased",
        sa.Column("shop", sa.String(300), primary_key=True),
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("key_mark", sa.String(16), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("sync_purchase", sa.Column("person", sa.String(64)))
    op.create_index("sync_purchase_person", "sync_purchase", ["person"])
