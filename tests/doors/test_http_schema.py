"""The schema tells the truth: requests made from it, good and bad, are answered as it says, and none meets a bug."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image
from schemathesis.specs.openapi import checks as openapi

from lookhear.serve.http.app import create_app
from lookhear.settings import Settings
from lookhear.wiring.service import Service
from support.service import served

EXAMPLES = int(os.environ.get("LOOKHEAR_SCHEMA_EXAMPLES", "12"))  # for each operation
ENDLESS = ["/events"]  # a stream that goes on


def no_bug(context: Any, response: Any, case: Any) -> None:
    """What is too much, or missing here, may be told by other statuses."""
    assert response.status_code != 500, response.text


CHECKS = [
    no_bug,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]
PHASES = (Phase.explicit, Phase.generate)
UNHURRIED: dict[str, Any] = {"suppress_health_check": list(HealthCheck)}


def app(folder: Path) -> FastAPI:
    """Of a service with all its parts."""
    options: dict[str, Any] = {"auth_disabled": True, "media_store_stub": True, "result_wait": 0.05}
    return create_app(Service(Settings(storage_dir=folder, **options)))


SCHEMA = schemathesis.openapi.from_dict(app(Path("nowhere")).openapi()).exclude(path=ENDLESS)
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("schema")
    (folder / "media").mkdir()
    Image.new("RGB", (32, 24), "red").save(folder / "media/0.png")
    with served(app(folder)) as client:
        client.get("/").raise_for_status()
        yield str(client.base_url)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_is_asked_is_answered_as_the_schema_says(label: str, url: str, session: requests.Session) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=PHASES, **UNHURRIED)
    @given(OPERATIONS[label].as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(base_url=url, session=session, checks=CHECKS, timeout=20)

    ask()
