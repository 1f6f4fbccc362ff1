"""What a vendor said of a record, encrypted; details of older runs lose what they quote."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "sync_vendor_text",
        sa.Column("pair_id", sa.Integer, sa.ForeignKey("sync_pair.pair_id"), primary_key=True),
        sa.Column("area", sa.String(20), primary_key=True),
        sa.Column("record_key", sa.String(200), primary_key=True),
        sa.Column("sealed_text", sa.Text, nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("sync_vendor_text_age", "sync_vendor_text", ["last_seen"])
    # Before, `detail` was Connectif's own sentence after its code. The code goes on standing there.
    for table in ("sync_record", "sync_purchase"):
        rows = sa.table(table, sa.column("reason", sa.String), sa.column("detail", sa.Text))
        code = sa.func.substr(rows.c.detail, 1, 5)
        is_code = sa.and_(rows.c.detail.like("E0___:%"))
        op.execute(
            sa.update(rows)
            .where(rows.c.reason == "target_rejected")
            .values(detail=sa.case((is_code, code), else_=""))
        )
