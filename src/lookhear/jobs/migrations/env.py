"""What Alembic runs: the connection comes from whoever opens the store."""

from __future__ import annotations

from alembic import context

from lookhear.jobs.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
context.run_migrations()
