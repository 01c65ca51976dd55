"""What tests of the database of jobs share. Each has ``settings`` of its own, for both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from lookhear.jobs.database import Database
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore


@pytest.fixture
def store(settings: JobSettings) -> Iterator[JobStore]:
    with JobStore(settings) as store:
        yield store


@pytest.fixture
def sql(settings: JobSettings) -> Iterator[Callable[[str], None]]:
    """Changes the database behind the store's back, as time that passes or a clock that jumps would."""
    database = Database(settings)

    def run(words: str) -> None:
        with database.write() as connection:
            connection.execute(text(words))

    yield run
    database.close()
