"""first schema"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.String(length=120), nullable=False),
        sa.Column("display_name", sa.String(length=120), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("totp_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("totp_last_step", sa.Integer(), nullable=False),
        sa.Column("demonstration", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
    )
    op.create_table(
        "batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("territory", sa.String(length=32), nullable=False),
        sa.Column("family", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("draw_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("main_number", sa.Integer(), nullable=True),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("log_size", sa.Integer(), nullable=True),
        sa.Column("root", sa.LargeBinary(), nullable=True),
        sa.Column("commitment", sa.LargeBinary(), nullable=True),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=True),
        sa.Column("rules", sa.JSON(), nullable=True),
        sa.Column("beacon_source", sa.String(length=24), nullable=True),
        sa.Column("beacon_round", sa.Integer(), nullable=True),
        sa.Column("beacon_signature", sa.LargeBinary(), nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=True),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_bundle", sa.LargeBinary(), nullable=True),
        sa.Column("full_bundle_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("bundle_hash", sa.LargeBinary(), nullable=True),
        sa.Column("bundle_kid", sa.String(length=32), nullable=True),
        sa.Column("bundle_signature", sa.LargeBinary(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_reason", sa.String(length=48), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint(
            "territory", "family", "kind", "planned_at", name=op.f("uq_batch_territory_family_kind_planned_at")
        ),
        sa.UniqueConstraint("territory", "family", "number", name=op.f("uq_batch_territory_family_number")),
    )
    op.create_index("ix_batch_due", "batch", ["state", "planned_at"], unique=False)
    op.create_index(
        "uq_batch_open_scope",
        "batch",
        ["territory", "family"],
        unique=True,
        sqlite_where=sa.text("state IN ('committed', 'drawn', 'frozen', 'published')"),
        postgresql_where=sa.text("state IN ('committed', 'drawn', 'frozen', 'published')"),
    )
    op.create_table(
        "config_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("decision_ref", sa.String(length=120), nullable=False),
        sa.Column("valid_from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_config_version")),
        sa.UniqueConstraint("kind", "scope", "number", name=op.f("uq_config_version_kind_scope_number")),
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("verb", sa.String(length=48), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("territory", sa.String(length=32), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sa.UniqueConstraint("position", name=op.f("uq_journal_position")),
    )
    op.create_index("ix_journal_at", "journal", ["at"], unique=False)
    op.create_index("ix_journal_subject", "journal", ["subject", "at"], unique=False)
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("fencing", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "log_head",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kid", sa.String(length=32), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("witness", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
        sa.UniqueConstraint("size", name=op.f("uq_log_head_size")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_table(
        "sign_in_delay",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_delay")),
    )
    op.create_index(op.f("ix_sign_in_delay_last_at"), "sign_in_delay", ["last_at"], unique=False)
    op.create_table(
        "demande",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("secrets_number", sa.Integer(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("attached_to_id", sa.Uuid(), nullable=True),
        sa.Column("territory", sa.String(length=32), nullable=False),
        sa.Column("family", sa.String(length=32), nullable=False),
        sa.Column("motif", sa.String(length=48), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("proof", sa.String(length=32), nullable=False),
        sa.Column("structure", sa.String(length=48), nullable=True),
        sa.Column("filed_by_id", sa.Uuid(), nullable=True),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("identity_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("contact_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("contact_digest", sa.LargeBinary(), nullable=True),
        sa.Column("details_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("availability", sa.JSON(), nullable=False),
        sa.Column("firm", sa.Boolean(), nullable=False),
        sa.Column("news", sa.Boolean(), nullable=False),
        sa.Column("useful_on", sa.Date(), nullable=False),
        sa.Column("deadline_on", sa.Date(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("cohort", sa.Integer(), nullable=True),
        sa.Column("cohort_before", sa.Integer(), nullable=True),
        sa.Column("demoted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("demotion", sa.String(length=32), nullable=True),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("silences", sa.Integer(), nullable=False),
        sa.Column("pause_reason", sa.String(length=32), nullable=True),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sign_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("still_needed_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["attached_to_id"], ["demande.id"], name=op.f("fk_demande_attached_to_id")),
        sa.ForeignKeyConstraint(["filed_by_id"], ["account.id"], name=op.f("fk_demande_filed_by_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_demande_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demande")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_demande_idempotency_key")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_demande_link_hash")),
        sa.UniqueConstraint("reference", name=op.f("uq_demande_reference")),
    )
    op.create_index(op.f("ix_demande_attached_to_id"), "demande", ["attached_to_id"], unique=False)
    op.create_index(op.f("ix_demande_contact_digest"), "demande", ["contact_digest"], unique=False)
    op.create_index(op.f("ix_demande_person_id"), "demande", ["person_id"], unique=False)
    op.create_index("ix_demande_scope_state", "demande", ["territory", "family", "state"], unique=False)
    op.create_index("ix_demande_structure", "demande", ["structure"], unique=False)
    op.create_index(
        "uq_demande_live_person_family",
        "demande",
        ["person_id", "family"],
        unique=True,
        sqlite_where=sa.text(
            "state IN ('admitted', 'confirmed', 'offered', 'paused', 'waiting') AND attached_to_id IS NULL"
        ),
        postgresql_where=sa.text(
            "state IN ('admitted', 'confirmed', 'offered', 'paused', 'waiting') AND attached_to_id IS NULL"
        ),
    )
    op.create_table(
        "membership",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("territory", sa.String(length=32), nullable=False),
        sa.Column("place", sa.String(length=48), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_membership_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint(
            "account_id", "role", "territory", "place", name=op.f("uq_membership_account_id_role_territory_place")
        ),
    )
    op.create_index(op.f("ix_membership_account_id"), "membership", ["account_id"], unique=False)
    op.create_table(
        "person_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("kid", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("joins", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_key_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_key")),
    )
    op.create_index("ix_person_key_digest", "person_key", ["digest"], unique=False)
    op.create_index(op.f("ix_person_key_person_id"), "person_key", ["person_id"], unique=False)
    op.create_index(
        "uq_person_key_joining",
        "person_key",
        ["kind", "kid", "digest"],
        unique=True,
        sqlite_where=sa.text("joins"),
        postgresql_where=sa.text("joins"),
    )
    op.create_table(
        "slot",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("territory", sa.String(length=32), nullable=False),
        sa.Column("family", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=32), nullable=False),
        sa.Column("guichet", sa.String(length=32), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("half", sa.String(length=32), nullable=False),
        sa.Column("start", sa.Time(), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("length_min", sa.Integer(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("published_in_id", sa.Uuid(), nullable=True),
        sa.Column("freed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("config_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["published_in_id"], ["batch.id"], name=op.f("fk_slot_published_in_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot")),
        sa.UniqueConstraint(
            "territory",
            "site",
            "guichet",
            "family",
            "on_date",
            "start",
            name=op.f("uq_slot_territory_site_guichet_family_on_date_start"),
        ),
    )
    op.create_index("ix_slot_scope_state", "slot", ["territory", "family", "state", "start_at"], unique=False)
    op.create_table(
        "staff_session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("second_factor_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_staff_session_account_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_session")),
    )
    op.create_index(op.f("ix_staff_session_account_id"), "staff_session", ["account_id"], unique=False)
    op.create_table(
        "batch_line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("demande_id", sa.Uuid(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.String(length=1), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("cohort", sa.Integer(), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("attached", sa.JSON(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("placed_slot_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_line_batch_id")),
        sa.ForeignKeyConstraint(["demande_id"], ["demande.id"], name=op.f("fk_batch_line_demande_id")),
        sa.ForeignKeyConstraint(["placed_slot_id"], ["slot.id"], name=op.f("fk_batch_line_placed_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_line")),
        sa.UniqueConstraint("batch_id", "leaf", name=op.f("uq_batch_line_batch_id_leaf")),
    )
    op.create_index("ix_batch_line_demande", "batch_line", ["demande_id"], unique=False)
    op.create_table(
        "batch_slot",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("class_key", sa.String(length=96), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_slot_batch_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_batch_slot_slot_id")),
        sa.PrimaryKeyConstraint("batch_id", "slot_id", name=op.f("pk_batch_slot")),
    )
    op.create_table(
        "contact_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("demande_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["demande_id"], ["demande.id"], name=op.f("fk_contact_code_demande_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_code")),
    )
    op.create_index(op.f("ix_contact_code_demande_id"), "contact_code", ["demande_id"], unique=False)
    op.create_table(
        "convocation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("demande_id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("firm", sa.Boolean(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.String(length=24), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("document_seen", sa.String(length=32), nullable=True),
        sa.Column("document_matches", sa.Boolean(), nullable=True),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("outcome_reason", sa.String(length=48), nullable=True),
        sa.Column("priority_before", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_convocation_batch_id")),
        sa.ForeignKeyConstraint(["demande_id"], ["demande.id"], name=op.f("fk_convocation_demande_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_convocation_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_convocation")),
        sa.UniqueConstraint("reference", name=op.f("uq_convocation_reference")),
    )
    op.create_index(op.f("ix_convocation_demande_id"), "convocation", ["demande_id"], unique=False)
    op.create_index("ix_convocation_expiry", "convocation", ["state", "expires_at"], unique=False)
    op.create_index(op.f("ix_convocation_slot_id"), "convocation", ["slot_id"], unique=False)
    op.create_index(
        "uq_convocation_live_demande",
        "convocation",
        ["demande_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('confirmed', 'offered')"),
        postgresql_where=sa.text("state IN ('confirmed', 'offered')"),
    )
    op.create_index(
        "uq_convocation_live_slot",
        "convocation",
        ["slot_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('absent', 'confirmed', 'offered', 'served')"),
        postgresql_where=sa.text("state IN ('absent', 'confirmed', 'offered', 'served')"),
    )
    op.create_table(
        "log_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("demande_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("salt_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("promised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("promise_kid", sa.String(length=32), nullable=False),
        sa.Column("promise", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["demande_id"], ["demande.id"], name=op.f("fk_log_entry_demande_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_entry")),
        sa.UniqueConstraint("leaf", name=op.f("uq_log_entry_leaf")),
        sa.UniqueConstraint("position", name=op.f("uq_log_entry_position")),
    )
    op.create_index("ix_log_entry_demande", "log_entry", ["demande_id", "promised_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dedup_key", sa.String(length=96), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("demande_id", sa.Uuid(), nullable=True),
        sa.Column("template", sa.String(length=48), nullable=False),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.String(length=48), nullable=True),
        sa.ForeignKeyConstraint(["demande_id"], ["demande.id"], name=op.f("fk_outbox_demande_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("dedup_key", name=op.f("uq_outbox_dedup_key")),
    )
    op.create_index(op.f("ix_outbox_demande_id"), "outbox", ["demande_id"], unique=False)
    op.create_index("ix_outbox_due", "outbox", ["sent_at", "not_before_at"], unique=False)
    op.create_table(
        "standby_call",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("demande_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(length=24), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_standby_call_batch_id")),
        sa.ForeignKeyConstraint(["caller_id"], ["account.id"], name=op.f("fk_standby_call_caller_id")),
        sa.ForeignKeyConstraint(["demande_id"], ["demande.id"], name=op.f("fk_standby_call_demande_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_standby_call_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standby_call")),
    )
    op.create_index(op.f("ix_standby_call_demande_id"), "standby_call", ["demande_id"], unique=False)
    op.create_index(op.f("ix_standby_call_slot_id"), "standby_call", ["slot_id"], unique=False)
    op.create_index(
        "uq_standby_call_open_demande",
        "standby_call",
        ["demande_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_standby_call_open_slot",
        "standby_call",
        ["slot_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "refusal",
        sa.Column("convocation_id", sa.Uuid(), nullable=False),
        sa.Column("demande_id", sa.Uuid(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["convocation_id"], ["convocation.id"], name=op.f("fk_refusal_convocation_id")),
        sa.ForeignKeyConstraint(["demande_id"], ["demande.id"], name=op.f("fk_refusal_demande_id")),
        sa.PrimaryKeyConstraint("convocation_id", "demande_id", name=op.f("pk_refusal")),
    )
    op.create_table(
        "urgent_case",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("territory", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=32), nullable=False),
        sa.Column("family", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=2), nullable=False),
        sa.Column("motive", sa.String(length=32), nullable=False),
        sa.Column("document_seen", sa.String(length=32), nullable=True),
        sa.Column("demande_id", sa.Uuid(), nullable=True),
        sa.Column("convocation_id", sa.Uuid(), nullable=True),
        sa.Column("filed_by_id", sa.Uuid(), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sign_before_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_by_id", sa.Uuid(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome_reason", sa.String(length=48), nullable=True),
        sa.ForeignKeyConstraint(["convocation_id"], ["convocation.id"], name=op.f("fk_urgent_case_convocation_id")),
        sa.ForeignKeyConstraint(["demande_id"], ["demande.id"], name=op.f("fk_urgent_case_demande_id")),
        sa.ForeignKeyConstraint(["filed_by_id"], ["account.id"], name=op.f("fk_urgent_case_filed_by_id")),
        sa.ForeignKeyConstraint(["signed_by_id"], ["account.id"], name=op.f("fk_urgent_case_signed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_urgent_case")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_urgent_case_idempotency_key")),
    )
    op.create_index(op.f("ix_urgent_case_demande_id"), "urgent_case", ["demande_id"], unique=False)
    op.create_index("ix_urgent_case_unsigned", "urgent_case", ["territory", "signed_at"], unique=False)


def downgrade() -> None:

    op.drop_index("ix_urgent_case_unsigned", table_name="urgent_case")
    op.drop_index(op.f("ix_urgent_case_demande_id"), table_name="urgent_case")
    op.drop_table("urgent_case")
    op.drop_table("refusal")
    op.drop_index(
        "uq_standby_call_open_slot",
        table_name="standby_call",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(
        "uq_standby_call_open_demande",
        table_name="standby_call",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_standby_call_slot_id"), table_name="standby_call")
    op.drop_index(op.f("ix_standby_call_demande_id"), table_name="standby_call")
    op.drop_table("standby_call")
    op.drop_index("ix_outbox_due", table_name="outbox")
    op.drop_index(op.f("ix_outbox_demande_id"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_index("ix_log_entry_demande", table_name="log_entry")
    op.drop_table("log_entry")
    op.drop_index(
        "uq_convocation_live_slot",
        table_name="convocation",
        sqlite_where=sa.text("state IN ('absent', 'confirmed', 'offered', 'served')"),
        postgresql_where=sa.text("state IN ('absent', 'confirmed', 'offered', 'served')"),
    )
    op.drop_index(
        "uq_convocation_live_demande",
        table_name="convocation",
        sqlite_where=sa.text("state IN ('confirmed', 'offered')"),
        postgresql_where=sa.text("state IN ('confirmed', 'offered')"),
    )
    op.drop_index(op.f("ix_convocation_slot_id"), table_name="convocation")
    op.drop_index("ix_convocation_expiry", table_name="convocation")
    op.drop_index(op.f("ix_convocation_demande_id"), table_name="convocation")
    op.drop_table("convocation")
    op.drop_index(op.f("ix_contact_code_demande_id"), table_name="contact_code")
    op.drop_table("contact_code")
    op.drop_table("batch_slot")
    op.drop_index("ix_batch_line_demande", table_name="batch_line")
    op.drop_table("batch_line")
    op.drop_index(op.f("ix_staff_session_account_id"), table_name="staff_session")
    op.drop_table("staff_session")
    op.drop_index("ix_slot_scope_state", table_name="slot")
    op.drop_table("slot")
    op.drop_index(
        "uq_person_key_joining",
        table_name="person_key",
        sqlite_where=sa.text("joins"),
        postgresql_where=sa.text("joins"),
    )
    op.drop_index(op.f("ix_person_key_person_id"), table_name="person_key")
    op.drop_index("ix_person_key_digest", table_name="person_key")
    op.drop_table("person_key")
    op.drop_index(op.f("ix_membership_account_id"), table_name="membership")
    op.drop_table("membership")
    op.drop_index(
        "uq_demande_live_person_family",
        table_name="demande",
        sqlite_where=sa.text(
            "state IN ('admitted', 'confirmed', 'offered', 'paused', 'waiting') AND attached_to_id IS NULL"
        ),
        postgresql_where=sa.text(
            "state IN ('admitted', 'confirmed', 'offered', 'paused', 'waiting') AND attached_to_id IS NULL"
        ),
    )
    op.drop_index("ix_demande_structure", table_name="demande")
    op.drop_index("ix_demande_scope_state", table_name="demande")
    op.drop_index(op.f("ix_demande_person_id"), table_name="demande")
    op.drop_index(op.f("ix_demande_contact_digest"), table_name="demande")
    op.drop_index(op.f("ix_demande_attached_to_id"), table_name="demande")
    op.drop_table("demande")
    op.drop_index(op.f("ix_sign_in_delay_last_at"), table_name="sign_in_delay")
    op.drop_table("sign_in_delay")
    op.drop_table("person")
    op.drop_table("log_head")
    op.drop_table("lease")
    op.drop_index("ix_journal_subject", table_name="journal")
    op.drop_index("ix_journal_at", table_name="journal")
    op.drop_table("journal")
    op.drop_table("config_version")
    op.drop_index(
        "uq_batch_open_scope",
        table_name="batch",
        sqlite_where=sa.text("state IN ('committed', 'drawn', 'frozen', 'published')"),
        postgresql_where=sa.text("state IN ('committed', 'drawn', 'frozen', 'published')"),
    )
    op.drop_index("ix_batch_due", table_name="batch")
    op.drop_table("batch")
    op.drop_table("account")
