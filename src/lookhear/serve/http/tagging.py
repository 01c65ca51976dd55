"""Tags for audio and video: upload, then ask for the result until it is there."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import move_on_after, to_thread
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from lookhear.contracts import tagging
from lookhear.contracts.base import TAGGING
from lookhear.contracts.tagging import Kind
from lookhear.errors import JobStopped, LookhearError, of_code
from lookhear.jobs.job import Job, NewJob, Status
from lookhear.serve.http import parts
from lookhear.serve.http.feed import FINAL, feed
from lookhear.serve.http.uploads import Form, Upload, body, read

_PART = "file"
_LONGEST = 200  # letters of a file's name that are kept
_FORM = body(Form({_PART: 1}, 0))
router = APIRouter(tags=["tagging"])


class Queued(BaseModel):
    """What to ask for the result by."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"job_id": 17}]})

    job_id: int = Field(gt=0)


@router.post("/tag/audio", response_model=Queued, openapi_extra=_FORM)
async def tag_audio(request: Request) -> Any:
    """Queue a recording for tagging: genre, mood, instruments, fingerprint, transcript."""
    return await _queued(request, "audio")


@router.post("/tag/video", response_model=Queued, openapi_extra=_FORM)
async def tag_video(request: Request) -> Any:
    """Queue a film for tagging: objects, faces, scenes, transcript."""
    return await _queued(request, "video")


async def _queued(request: Request, kind: Kind) -> dict[str, Any]:
    service = parts.service(request)
    form = Form({_PART: 1}, service.settings.max_upload_bytes)
    upload = (await read(request, form, service.spool)).file(_PART)
    new = NewJob(TAGGING, kind, named(upload.filename or _PART), request={"upload": spooled(upload)})
    job: Job = await to_thread.run_sync(service.submit, new)
    return tagging.accepted(job.number)


_EXAMPLES = {
    "unfinished": {"value": tagging.pending()},
    "audio": {
        "value": {
            "genre": ["rock", "blues", "country"],
            "mood": ["energetic", "happy", "aggressive"],
            "instruments": ["guitar", "drums"],
            "fingerprint": None,
            "transcript": "",
            "warnings": {"fingerprint": "Why it is null."},
        }
    },
    "failed": {"value": {"error": {"code": "damaged_medium", "message": "Nothing in it can be decoded."}}},
}


@router.get(
    "/result/{id}", response_model=None, responses={200: {"content": {"application/json": {"examples": _EXAMPLES}}}}
)
async def result(request: Request, id: Annotated[str, Path(description="The number that /tag gave.")]) -> JSONResponse:
    """The tags, once they are there. Held open up to RESULT_WAIT while the job is on its way; an unknown id is pending."""
    job = await to_thread.run_sync(_numbered, parts.service(request).jobs, id)
    if job is not None and not job.status.final:
        job = await _awaited(request, job)
    return JSONResponse(_answer(job))


def _numbered(jobs: Any, id: str) -> Job | None:
    """None also for jobs of other doors: their results would be taken for tags."""
    job: Job | None = jobs.numbered(int(id)) if id.isascii() and id.isdigit() and len(id) < 19 else None
    return job if job is not None and job.contract == TAGGING else None


async def _awaited(request: Request, job: Job) -> Job | None:
    service = parts.service(request)
    now: Job | None = job
    with move_on_after(service.settings.result_wait):
        async with feed(request).reading(job.id) as reader:
            now = await to_thread.run_sync(service.jobs.get, job.id)  # it may have ended before we listened
            while now is not None and not now.status.final:
                event = await reader.next()
                if event is None:
                    break
                if event.kind in FINAL:
                    now = await to_thread.run_sync(service.jobs.get, job.id)
    return now


def _answer(job: Job | None) -> dict[str, Any]:
    if job is None or not job.status.final:
        return tagging.pending()
    if job.result is not None:
        return job.result
    if job.status is Status.CANCELLED:
        return tagging.failed(JobStopped("The job was cancelled. Upload the file again."))
    return tagging.failed(of_code(job.error_code or LookhearError.code, job.error_message or "The job failed."))


def named(filename: str) -> str:
    """What people know an upload by, where other jobs have the id of a medium."""
    return "".join(letter for letter in filename[-_LONGEST:] if letter.isprintable())


def spooled(upload: Upload) -> dict[str, Any]:
    """What a job keeps of a file in the spool."""
    return {
        "path": str(upload.path),
        "name": upload.filename,
        "size": upload.size,
        "sha256": upload.sha256,
        "xxh64": upload.xxh64,
    }
