"""Jobs on uploads: kept together with what they are about, or not at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookhear.contracts.base import JOBS
from lookhear.errors import KeyReused, StorageUnwritable
from lookhear.jobs.job import NewJob
from lookhear.settings import Settings
from lookhear.wiring.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(Settings(storage_dir=tmp_path))
    service.open()
    yield service
    service.close()


def uploaded(service: Service, key: str | None = None, data: bytes = b"sound") -> NewJob:
    with service.spool.writing("a.wav") as writing:
        writing.write(data)
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


@pytest.mark.parametrize(("ttl", "left"), [(3600.0, True), (0.0, False)])
def test_uploads_of_jobs_that_ended_go_in_time(service: Service, ttl: float, left: bool) -> None:
    service.settings = dataclasses.replace(service.settings, result_ttl=ttl)
    done, waiting = service.submit(uploaded(service)), service.submit(uploaded(service, data=b"other"))
    taken = service.jobs.take("worker")
    assert taken is not None and taken.id == done.id and service.needs_upload(done.id)
    service.spool.sweep(service.needs_upload, grace=-1)
    assert service.jobs.finish(taken, {})
    service.spool.sweep(service.needs_upload, grace=-1)
    assert (service.spool.find(done.request["upload"]["sha256"]) is not None) is left
    assert service.spool.find(waiting.request["upload"]["sha256"]), "it is not done yet"


def test_where_the_upload_cannot_be_kept_no_job_is(service: Service, tmp_path: Path) -> None:
    new = uploaded(service)
    (tmp_path / "uploads").rename(tmp_path / "elsewhere")
    (tmp_path / "uploads").touch()
    with pytest.raises(StorageUnwritable):
        service.submit(new)
    assert service.jobs.stats().total == 0


def test_an_upload_that_a_job_names_as_its_medium_stays_as_long_as_the_job(service: Service) -> None:
    sha256 = str(uploaded(service).request["upload"]["sha256"])
    job = service.submit(NewJob(JOBS, "colors", sha256))
    assert service.spool.sweep(service.needs_upload, grace=-1) == 0
    assert service.media.find(sha256).read_bytes() == b"sound"  # type: ignore[attr-defined]
    assert service.delete(job.id)
    assert service.spool.sweep(service.needs_upload, grace=-1) == 1
    assert service.submit(NewJob(JOBS, "colors", "0" * 64)).media_store_id == "0" * 64  # of none that is there


def test_a_key_stands_for_one_request_alone(service: Service) -> None:
    first = service.submit(uploaded(service, "key"))
    for other in (uploaded(service, "key", b"other"), dataclasses.replace(uploaded(service, "key"), priority=9)):
        with pytest.raises(KeyReused, match="key of its own"):
            service.submit(other)
    assert service.submit(uploaded(service, "key")).id == first.id
    for body in (b"today", b"tomorrow"):  # what lies at an address may change
        new = uploaded(service, "other key", body)
        request = {**new.request, "url": "http://there/a.wav"}
        second = service.submit(dataclasses.replace(new, request=request))
        assert second.request["upload"]["sha256"] == uploaded(service, data=b"today").request["upload"]["sha256"]


def test_a_job_that_was_sent_again_is_referred_to_once(service: Service, tmp_path: Path) -> None:
    first, again = (service.submit(uploaded(service, "key")) for _ in range(2))
    assert first.id == again.id
    assert [path.name.rpartition(".ref.")[2] for path in (tmp_path / "uploads").rglob("*.ref.*")] == [first.id]
