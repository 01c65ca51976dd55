"""Workers that live, and counts of what all of them did."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "workers",
        sql.Column("name", sql.Text, primary_key=True),
        sql.Column("host", sql.Text, nullable=False),
        sql.Column("pid", sql.Integer, nullable=False),
        sql.Column("place", sql.Text),
        sql.Column("born", sql.BigInteger),
        sql.Column("started_at", sql.BigInteger, nullable=False),
        sql.Column("beat_at", sql.BigInteger, nullable=False),
        sql.Column("lease_ms", sql.BigInteger, nullable=False),
        sql.Column("slots", sql.Integer, nullable=False),
        sql.Column("task_types", sql.Text),
        sql.Column("device", sql.Text, nullable=False),
        sql.Column("stopping", sql.Integer, nullable=False),
        sql.Column("models", sql.Text, nullable=False),
        sql.Column("memory_mb", sql.Float, nullable=False),
        sql.Column("done", sql.BigInteger, nullable=False),
        sql.Column("failed", sql.BigInteger, nullable=False),
        sql.Column("version", sql.Text, nullable=False),
    )
    op.create_table(
        "figures",
        sql.Column("kind", sql.String(16), primary_key=True),
        sql.Column("what", sql.Text, primary_key=True),
        sql.Column("by", sql.Text, primary_key=True),
        sql.Column("bucket", sql.Integer, primary_key=True, autoincrement=False),
        sql.Column("count", sql.BigInteger, nullable=False),
        sql.Column("seconds", sql.Float, nullable=False),
    )
