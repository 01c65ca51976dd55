"""The tables of jobs, as SQLAlchemy sees them. Migrations make them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

METADATA = MetaData()
_SERIAL = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by INTEGER alone

JOBS = Table(
    "jobs",
    METADATA,
    Column("number", _SERIAL, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("contract", Text, nullable=False),
    Column("task_type", Text, nullable=False),
    Column("media_store_id", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("completed_at", BigInteger),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("result", Text),
    Column("request", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("progress", Float),
    Column("worker", Text),
    Column("unique_key", Text),
    Column("idempotency_key", Text, unique=True),
    sqlite_autoincrement=True,
)
_OPEN = JOBS.c.status.in_(("pending", "processing"))
Index("jobs_unique", JOBS.c.unique_key, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("jobs_by_status", JOBS.c.status, JOBS.c.number)
Index("jobs_by_type", JOBS.c.task_type, JOBS.c.status, JOBS.c.number)
_ENDED = JOBS.c.completed_at.is_not(None)
Index(
    "jobs_ended",
    JOBS.c.status,
    JOBS.c.completed_at,
    JOBS.c.task_type,
    JOBS.c.started_at,
    sqlite_where=_ENDED,
    postgresql_where=_ENDED,
)

QUEUE = Table(  # jobs that wait, and those that a worker has in hand
    "queue",
    METADATA,
    Column("number", _SERIAL, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("task_type", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("ready_at", BigInteger, nullable=False),  # 0: at once
    Column("failures", Integer, nullable=False),  # tries that count
    Column("attempts", Integer, nullable=False),  # with the worker's name: whose it is, and never twice the same
    Column("worker", Text),
    Column("beat_at", BigInteger),
    Column("lease_ms", BigInteger),
)
_WAITING = QUEUE.c.worker.is_(None)
Index("queue_order", QUEUE.c.priority.desc(), QUEUE.c.number, sqlite_where=_WAITING, postgresql_where=_WAITING)
Index("queue_leases", QUEUE.c.beat_at, sqlite_where=~_WAITING, postgresql_where=~_WAITING)

SYNC = Table(
    "media_store_sync_status",
    METADATA,
    Column("job_id", String(36), primary_key=True),
    Column("media_store_id", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("updated_at", BigInteger, nullable=False),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("job_id", String(36), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("data", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
Index("events_by_job", EVENTS.c.job_id, EVENTS.c.id)

ANSWERS = Table(
    "answers",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("json", Text, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
)

CURSORS = Table(  # how far each outlet has been told of events
    "cursors",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("seen", BigInteger, nullable=False),
    Column("holder", Text),
    Column("heard_at", BigInteger, nullable=False),
    Column("lease_ms", BigInteger, nullable=False),
)

WORKERS = Table(  # processes that work on jobs, as long as they are heard of
    "workers",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("place", Text),  # with the two beside it: which process that is, for others on the same machine
    Column("born", BigInteger),
    Column("started_at", BigInteger, nullable=False),
    Column("beat_at", BigInteger, nullable=False),
    Column("lease_ms", BigInteger, nullable=False),
    Column("slots", Integer, nullable=False),  # jobs at the same time
    Column("task_types", Text),  # JSON; null: all
    Column("device", Text, nullable=False),
    Column("stopping", Integer, nullable=False),
    Column("models", Text, nullable=False),  # JSON
    Column("memory_mb", Float, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
)

FIGURES = Table(  # of all workers that ever were; they only grow
    "figures",
    METADATA,
    Column("kind", String(16), primary_key=True),
    Column("what", Text, primary_key=True),
    Column("by", Text, primary_key=True),
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
)


class now_ms(FunctionElement[int]):
    """The database's clock, so that servers whose own differ agree on leases; ms since 1970."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _sqlite_now(element: Any, compiler: Any, **options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)"


@compiles(now_ms, "postgresql")
def _postgresql_now(element: Any, compiler: Any, **options: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
