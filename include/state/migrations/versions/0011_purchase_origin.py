"""Payment method and sales channel of each purchase. Rows of earlier versions have neither."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("sync_purchase", sa.Column("payment_method", sa.String(length=100)))
    op.add_column("sync_purchase", sa.Column("sales_channel", sa.String(length=100)))
