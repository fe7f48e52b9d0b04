"""kept subtrees of the log, outside evidence, struck inputs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


COLUMNS = (
    ("batch", "witnessed_at"),
    ("batch", "witness_tried_at"),
    ("batch", "voided_at"),
    ("log_head", "witness_chosen_at"),
    ("log_head", "witness_tried_at"),
)
LIVE = (("uq_strike_leaf", "leaf"), ("uq_strike_slot", "slot_id"))


def upgrade() -> None:
    op.create_table(
        "log_node",
        sa.Column("height", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("height", "number", name=op.f("pk_log_node")),
    )
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "strike",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=True),
        sa.Column("slot_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("asked_by_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_by_id", sa.Uuid(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_bundle", sa.LargeBinary(), nullable=True),
        sa.Column("replaced_hash", sa.LargeBinary(), nullable=True),
        sa.Column("replaced_kid", sa.String(length=32), nullable=True),
        sa.Column("replaced_signature", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_strike_batch_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_strike_slot_id")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["account.id"], name=op.f("fk_strike_asked_by_id")),
        sa.ForeignKeyConstraint(["signed_by_id"], ["account.id"], name=op.f("fk_strike_signed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strike")),
    )
    op.create_index("ix_strike_batch", "strike", ["batch_id", "signed_at"], unique=False)
    for name, column in LIVE:
        where = sa.text(f"refused_at IS NULL AND {column} IS NOT NULL")
        op.create_index(name, "strike", ["batch_id", column], unique=True, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, _column in LIVE:
        op.drop_index(name, table_name="strike")
    op.drop_index("ix_strike_batch", table_name="strike")
    op.drop_table("strike")
    for table, column in reversed(COLUMNS):
        op.drop_column(table, column)
    op.drop_table("log_node")
