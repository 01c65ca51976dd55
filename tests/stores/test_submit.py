"""Jobs on uploads: kept together with what they are about, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lookhear.errors import StorageUnwritable
from lookhear.jobs.job import NewJob
from lookhear.settings import Settings
from lookhear.wiring.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(Settings(storage_dir=tmp_path))
    service.open()
    yield service
    service.close()


def uploaded(service: Service, key: str | None = None) -> NewJob:
    with service.spool.writing("a.wav") as writing:
        writing.write(b"sound")
        upload = writing.done()
    request = {"upload": {"path": str(upload.path), "sha256": upload.sha256}}
    return NewJob("tagging", "audio", request=request, idempotency_key=key)


def test_what_a_job_is_about_stays_as_long_as_the_job(service: Service) -> None:
    new = uploaded(service)
    job = service.submit(new)
    assert service.spool.sweep(lambda id: service.jobs.get(id) is not None, grace=-1) == 0
    assert service.spool.find(new.request["upload"]["sha256"])
    assert service.delete(job.id)
    assert service.spool.sweep(lambda id: service.jobs.get(id) is not None, grace=-1) == 1


def test_where_the_upload_cannot_be_kept_no_job_is(service: Service, tmp_path: Path) -> None:
    new = uploaded(service)
    (tmp_path / "uploads").rename(tmp_path / "elsewhere")
    (tmp_path / "uploads").touch()
    with pytest.raises(StorageUnwritable):
        service.submit(new)
    assert service.jobs.stats().total == 0


def test_a_job_that_was_sent_again_is_referred_to_once(service: Service, tmp_path: Path) -> None:
    first, again = (service.submit(uploaded(service, "key")) for _ in range(2))
    assert first.id == again.id
    assert [path.name.rpartition(".ref.")[2] for path in (tmp_path / "uploads").rglob("*.ref.*")] == [first.id]
