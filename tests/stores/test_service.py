"""The service as it is put together: kept answers, delivery, what deleting takes away, the webhook."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from lookhear.analysis.report import Report
from lookhear.jobs.job import Job, NewJob, Status
from lookhear.settings import Settings
from lookhear.wiring.service import Service
from support.jobs import eventually
from support.stocked import stocked
from support.web import Web
from support.web import web as real_web


@pytest.fixture
def web() -> Iterator[Web]:
    with real_web() as found:
        yield found


def ended(service: Service, job: Job) -> Job:
    def final() -> Job | None:
        now = service.jobs.get(job.id)
        return now if now is not None and now.status.final else None

    found: Job = eventually(final)
    return found


def test_the_same_question_is_answered_from_what_is_kept(tmp_path: Path) -> None:
    with stocked(tmp_path) as service:
        told: list[Report] = []
        service.on_report.append(told.append)
        picture = tmp_path / "media" / "teal.png"
        first = service.analyze(picture, ["colors"], name="first")
        again = service.analyze(picture, ["colors"], name="again")
        other = service.analyze(picture, ["colors"], {"colors": {"count": 2}})
        assert (first.medium.name, again.medium.name) == ("first", "again")
        assert again.timings == first.timings, "it was not made anew"
        assert again["colors"] == first["colors"]
        assert other.timings != first.timings
        assert len(told) == 2, "what was kept is not counted as made"


def test_an_answer_about_other_bytes_is_another(tmp_path: Path) -> None:
    with stocked(tmp_path) as service:
        picture = tmp_path / "media" / "teal.png"
        teal = service.analyze(picture, ["colors"])
        Image.new("RGB", (64, 48), "red").save(picture)
        assert service.analyze(picture, ["colors"])["colors"] != teal["colors"]


def test_a_result_that_the_media_store_refuses_is_kept_all_the_same(tmp_path: Path, web: Web) -> None:
    web.put("/entity/7/file", _png(tmp_path))
    web.put("/inference/results/7", status=403)
    with stocked(tmp_path, media_store_url=web.url()) as service:
        job = ended(service, service.submit(NewJob("jobs", "colors", "7")))
        assert job.status is Status.SYNC_FAILED
        assert job.result is not None and job.result["dominant"]
        sync = service.jobs.sync_status(job.id)
        assert sync is not None and sync.status == "failed" and "403" in (sync.error or "")


def test_a_result_that_it_takes_is_synced(tmp_path: Path, web: Web) -> None:
    web.put("/entity/7/file", _png(tmp_path))
    web.put("/inference/results/7")
    with stocked(tmp_path, media_store_url=web.url()) as service:
        job = ended(service, service.submit(NewJob("jobs", "colors", "7")))
        assert job.status is Status.COMPLETED
        sync = service.jobs.sync_status(job.id)
        assert sync is not None and sync.status == "synced"
        assert service.delete(job.id)
        assert not list((tmp_path / "uploads").glob("??/*.ref.*")), "what was fetched is needed no more"


def test_deleting_takes_files_and_upload_away(tmp_path: Path) -> None:
    with stocked(tmp_path) as service:
        with service.spool.writing("a.png") as writing:
            writing.write((tmp_path / "media" / "teal.png").read_bytes())
            upload = writing.done()
        facts = {"path": str(upload.path), "name": "a.png", "sha256": upload.sha256}
        job = ended(
            service, service.submit(NewJob("analysis", "analysis", request={"upload": facts, "tasks": ["colors"]}))
        )
        assert job.status is Status.COMPLETED, job.error_message
        report = service.report_of(job)
        assert report is not None and report.medium.name == "a.png" and "colors" in report
        assert service.delete(job.id)
        assert service.report_of(job) is None and service.jobs.get(job.id) is None
        assert not (tmp_path / job.id).exists() and not list((tmp_path / "uploads").glob("??/*.ref.*"))
        assert not service.delete(job.id)


def test_a_job_that_is_deleted_when_all_but_done_leaves_nothing(tmp_path: Path) -> None:
    with stocked(tmp_path) as service:
        id, gone = str(uuid.uuid4()), threading.Event()

        def delete(report: Report) -> None:
            assert service.delete(id)
            gone.set()

        service.on_report.append(delete)
        service.jobs.put(NewJob("jobs", "colors", "teal", id=id))
        assert gone.wait(20)
        eventually(lambda: not service.processing())
        assert not (tmp_path / id).exists()


def test_what_cannot_be_read_fails_with_its_reason(tmp_path: Path) -> None:
    with stocked(tmp_path) as service:
        (tmp_path / "media" / "note.txt").write_text("no picture")
        job = ended(service, service.submit(NewJob("jobs", "colors", "note.txt")))
        assert (job.status, job.error_code) == (Status.ERROR, "not_a_medium")
        missing = ended(service, service.submit(NewJob("jobs", "colors", "nowhere")))
        assert missing.error_code == "medium_not_found" and str(tmp_path) not in (missing.error_message or "")


def test_the_webhook_hears_of_jobs_that_end(tmp_path: Path, web: Web) -> None:
    web.put("/hook")
    with stocked(tmp_path, webhook_url=web.url("/hook")) as service:
        good = ended(service, service.submit(NewJob("jobs", "colors", "teal")))
        bad = ended(service, service.submit(NewJob("jobs", "colors", "nowhere")))
        eventually(lambda: len(web.asked) >= 2)
        told = {body["data"]["job_id"]: body for body in (json.loads(one.body) for one in web.asked)}
    assert told[good.id]["type"] == "job_completed" and told[good.id]["data"]["result"] == good.result
    assert told[bad.id]["type"] == "job_failed" and told[bad.id]["data"]["error"] == bad.error_message


def test_the_webhook_hears_of_what_ended_while_no_server_ran(tmp_path: Path, web: Web) -> None:
    web.put("/hook", statuses=[400])
    with stocked(tmp_path, webhook_url=web.url("/hook")) as service:
        refused = ended(service, service.submit(NewJob("jobs", "colors", "teal")))
        eventually(lambda: web.asked)
    alone = Service(Settings(storage_dir=tmp_path, max_workers=1))
    alone.open(tells=False)  # as `lookhear worker` does
    alone.start_workers()
    missed = ended(alone, alone.submit(NewJob("jobs", "colors", "teal")))
    alone.stop_workers()
    alone.close()
    with stocked(tmp_path, webhook_url=web.url("/hook")):
        eventually(lambda: len(web.asked) >= 2)
    told = [json.loads(one.body)["data"]["job_id"] for one in web.asked]
    assert told == [refused.id, missed.id], "what was refused is not told again, what was missed is"


def test_of_two_servers_on_one_database_one_tells(tmp_path: Path, web: Web) -> None:
    web.put("/hook")
    with stocked(tmp_path, webhook_url=web.url("/hook")) as one, stocked(tmp_path, webhook_url=web.url("/hook")):
        jobs = [ended(one, one.submit(NewJob("jobs", "colors", "teal"))).id for _ in range(3)]
        eventually(lambda: len(web.asked) >= 3)
    assert [json.loads(asked.body)["data"]["job_id"] for asked in web.asked] == jobs


def test_a_damaged_kept_answer_is_made_anew(tmp_path: Path) -> None:
    keys: list[str] = []
    picture = tmp_path / "media" / "teal.png"
    with pytest.MonkeyPatch.context() as patch, stocked(tmp_path) as service:  # what is kept is written by its end
        keep = service.jobs.keep
        patch.setattr(service.jobs, "keep", lambda key, text: (keys.append(key), keep(key, text))[1])
        first = service.analyze(picture, ["colors"])
    with stocked(tmp_path) as service:
        service.jobs.keep(keys[0], '{"no": "report"}')
        again = service.analyze(picture, ["colors"])
        assert again["colors"] == first["colors"] and again.timings != first.timings


def _png(folder: Path) -> bytes:
    path = folder / "seven.png"
    Image.new("RGB", (32, 32), "olive").save(path)
    return path.read_bytes()
