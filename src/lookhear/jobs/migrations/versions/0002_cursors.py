"""How far each outlet has been told of events, and by whom."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "cursors",
        sql.Column("name", sql.Text, primary_key=True),
        sql.Column("seen", sql.BigInteger, nullable=False),
        sql.Column("holder", sql.Text),
        sql.Column("heard_at", sql.BigInteger, nullable=False),
        sql.Column("lease_ms", sql.BigInteger, nullable=False),
    )
