"""What every test is held to, and where shared recordings are. ``support/alone.py`` says which tests must run alone."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.alone import pytest_collection_modifyitems, pytest_configure, pytest_runtest_protocol
from support.brokers import broker_url, own_broker
from support.services import postgresql_server, postgresql_url

__all__ = [  # for all tests
    "broker_url",
    "own_broker",
    "postgresql_server",
    "postgresql_url",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_protocol",
]

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
_STORE = tempfile.TemporaryDirectory(prefix="lookhear-no-models-")
os.environ["MODEL_CACHE_DIR"] = _STORE.name  # what a developer has installed changes no test
os.environ["XDG_CACHE_HOME"] = os.path.join(_STORE.name, "cache")  # nor where settings are made without the environment


@pytest.fixture(autouse=True)
def no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A logged error fails the test, whatever it asserts."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real recordings and broken files; they are not part of the product, and tests that use them skip without."""
    folder = Path(os.environ.get("LOOKHEAR_SHARED", Path(__file__).parents[2] / "shared")) / "media"
    if not folder.exists():
        pytest.skip("no shared media here: set LOOKHEAR_SHARED to the folder that holds media/")
    return folder
