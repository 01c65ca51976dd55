"""Jobs, queue, delivery to the media store, events, kept answers."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None

_SERIAL = sql.BigInteger().with_variant(sql.Integer(), "sqlite")

# Before the first id is drawn: ids are then committed in their order, so that no reader passes one by. NOTIFY would
# serialise commits anyhow.
_TELL = """
CREATE FUNCTION lookhear_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1819242344, 1);
    PERFORM pg_notify('lookhear_events', '');
    RETURN NULL;
END $$
"""
_TRIGGER = "CREATE TRIGGER events_told BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION lookhear_tell()"


def upgrade() -> None:
    """Make them."""
    _jobs()
    _queue()
    op.create_table(
        "media_store_sync_status",
        sql.Column("job_id", sql.String(36), primary_key=True),
        sql.Column("media_store_id", sql.Text, nullable=False),
        sql.Column("status", sql.String(16), nullable=False),
        sql.Column("attempts", sql.Integer, nullable=False),
        sql.Column("error", sql.Text),
        sql.Column("updated_at", sql.BigInteger, nullable=False),
    )
    op.create_table(
        "events",
        sql.Column("id", _SERIAL, primary_key=True, autoincrement=True),
        sql.Column("job_id", sql.String(36), nullable=False),
        sql.Column("kind", sql.String(16), nullable=False),
        sql.Column("data", sql.Text, nullable=False),
        sql.Column("at", sql.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_job", "events", ["job_id", "id"])
    op.create_table(
        "answers",
        sql.Column("key", sql.Text, primary_key=True),
        sql.Column("json", sql.Text, nullable=False),
        sql.Column("kept_at", sql.BigInteger, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_TELL)
        op.execute(_TRIGGER)


def _jobs() -> None:
    op.create_table(
        "jobs",
        sql.Column("number", _SERIAL, primary_key=True, autoincrement=True),
        sql.Column("id", sql.String(36), nullable=False, unique=True),
        sql.Column("contract", sql.Text, nullable=False),
        sql.Column("task_type", sql.Text, nullable=False),
        sql.Column("media_store_id", sql.Text, nullable=False),
        sql.Column("status", sql.String(16), nullable=False),
        sql.Column("priority", sql.Integer, nullable=False),
        sql.Column("created_at", sql.BigInteger, nullable=False),
        sql.Column("started_at", sql.BigInteger),
        sql.Column("completed_at", sql.BigInteger),
        sql.Column("error_code", sql.Text),
        sql.Column("error_message", sql.Text),
        sql.Column("result", sql.Text),
        sql.Column("request", sql.Text, nullable=False),
        sql.Column("attempts", sql.Integer, nullable=False),
        sql.Column("progress", sql.Float),
        sql.Column("worker", sql.Text),
        sql.Column("unique_key", sql.Text),
        sql.Column("idempotency_key", sql.Text, unique=True),
        sqlite_autoincrement=True,
    )
    still_open = sql.text("status IN ('pending', 'processing')")
    op.create_index(
        "jobs_unique", "jobs", ["unique_key"], unique=True, sqlite_where=still_open, postgresql_where=still_open
    )
    op.create_index("jobs_by_status", "jobs", ["status", "number"])
    op.create_index("jobs_by_type", "jobs", ["task_type", "status", "number"])
    ended, told = sql.text("completed_at IS NOT NULL"), ["status", "completed_at", "task_type", "started_at"]
    op.create_index("jobs_ended", "jobs", told, sqlite_where=ended, postgresql_where=ended)


def _queue() -> None:
    op.create_table(
        "queue",
        sql.Column(
            "number",
            _SERIAL,
            sql.ForeignKey("jobs.number", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sql.Column("task_type", sql.Text, nullable=False),
        sql.Column("priority", sql.Integer, nullable=False),
        sql.Column("ready_at", sql.BigInteger, nullable=False),
        sql.Column("failures", sql.Integer, nullable=False),
        sql.Column("attempts", sql.Integer, nullable=False),
        sql.Column("worker", sql.Text),
        sql.Column("beat_at", sql.BigInteger),
        sql.Column("lease_ms", sql.BigInteger),
    )
    waiting, leased = sql.text("worker IS NULL"), sql.text("worker IS NOT NULL")
    order = [sql.text("priority DESC"), sql.text("number")]
    op.create_index("queue_order", "queue", order, sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("queue_leases", "queue", ["beat_at"], sqlite_where=leased, postgresql_where=leased)
