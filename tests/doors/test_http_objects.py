"""Objects at our own door: only below the prefixes that the operator named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from lookhear.serve.http.app import create_app
from lookhear.settings import Settings
from lookhear.wiring.service import Service
from support.files import jpeg
from support.s3 import Stores, serving
from support.service import served, until


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    with serving(tmp_path_factory.mktemp("s3") / "log") as stores:
        stores.put("s3://media-in/open/a.jpg", jpeg())
        stores.put("s3://media-in/secret/a.jpg", jpeg())
        yield stores


@contextmanager
def door(folder: Path, prefixes: str) -> Iterator[httpx.Client]:
    facts = {"storage_dir": folder / "data", "model_cache_dir": folder / "models", "object_prefixes": prefixes}
    with served(create_app(Service(replace(Settings(), allow_urls=True, **facts)), workers=True)) as client:
        yield client


def test_what_lies_below_a_prefix_is_analysed_at_once_and_by_a_job(stores: Stores, tmp_path: Path) -> None:
    with door(tmp_path, "s3://media-in/open/") as client:
        wish = {"url": "s3://media-in/open/a.jpg", "tasks": ["technical"]}
        report = client.post("/analyze", json=wish).json()
        assert report["medium"]["name"] == wish["url"]
        job = client.post("/analyze?wait=false", json=wish)
        assert job.status_code == 202, job.text
        where = job.headers["Location"]
        until(lambda: client.get(where).json()["status"] == "completed")
        assert client.get(f"{where}/report.json").json()["findings"] == report["findings"]


def test_nothing_else_is(stores: Stores, tmp_path: Path) -> None:
    with door(tmp_path, "s3://media-in/open/") as client:
        for url in ("s3://media-in/secret/a.jpg", "s3://other/open/a.jpg", "s3://media-in/open/../secret/a.jpg"):
            answer = client.post("/analyze", json={"url": url})
            assert (answer.status_code, answer.json()["code"]) == (403, "source_refused"), url
        assert client.post("/analyze", json={"url": "s3://media-in/open/none.jpg"}).status_code == 404


def test_nothing_is_open_unasked(stores: Stores, tmp_path: Path) -> None:
    with door(tmp_path, "") as client:
        assert client.post("/analyze", json={"url": "s3://media-in/open/a.jpg"}).status_code == 403
        answer = client.post("/analyze", json={"path": "s3://media-in/open/a.jpg"})
        assert answer.status_code in (403, 404)
