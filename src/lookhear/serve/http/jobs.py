"""Jobs: requests that are kept, queued by priority, worked on one by one, and looked up by their ids."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict

from lookhear.analysis.codec import to_json
from lookhear.analysis.report import Report
from lookhear.contracts import jobs as contract
from lookhear.contracts.base import JOBS, status_of
from lookhear.contracts.jobs import JobRequest, job_json
from lookhear.errors import UnknownJob, UnknownTask
from lookhear.jobs.job import Job, NewJob, Status
from lookhear.serve.http import parts
from lookhear.serve.http.auth import INFERENCE, Claims, needs
from lookhear.serve.http.problems import Recast

_ID = "550e8400-e29b-41d4-a716-446655440000"
_NOT_THERE: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such job."}}
_GUARDED: dict[int | str, dict[str, Any]] = {
    401: {"description": "No token, or none that can be trusted."},
    403: {"description": "The token lacks the permission."},
}
_SHOWN: dict[str, Any] = {
    "job_id": _ID,
    "task_type": "image_embedding",
    "media_store_id": "123",
    "status": "completed",
    "priority": 5,
    "created_at": 1700000000000,
    "started_at": 1700000005000,
    "completed_at": 1700000010000,
    "error_message": None,
    "result": {
        "embedding_dimension": 512,
        "stored_in_vector_db": True,
        "collection": "image_embeddings",
        "point_id": 123,
    },
}
router = APIRouter(tags=["jobs"])


class Shown(BaseModel):
    """A job; always all ten keys. Times are in ms since 1970."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SHOWN]})

    job_id: str
    task_type: str
    media_store_id: str
    status: Status
    priority: int
    created_at: int
    started_at: int | None
    completed_at: int | None
    error_message: str | None
    result: dict[str, Any] | None


class Listed(BaseModel):
    """Jobs, newest first. ``cursor``: give it back for those that follow; null: there are none."""

    jobs: list[Shown]
    cursor: str | None


async def _known(task_type: str) -> str:
    """Raised before a wrong body is."""
    try:
        contract.task_type(task_type)
    except UnknownTask as error:
        raise Recast(error, status_of(error, contract.STATUSES)) from error
    return task_type


KEY = "Sent again with it, the same job is answered; with another request it is 422."
_may = needs(INFERENCE)
Who = Annotated[Claims, Depends(_may)]
Known = Annotated[str, Depends(_known)]
Key = Annotated[str | None, Header(max_length=256, description=KEY)]


@router.post(
    "/job/{task_type}",
    status_code=201,
    response_model=Shown,
    responses={
        **_GUARDED,
        400: {"description": "There is no such task."},
        409: {"description": "A job for the same medium and task waits or runs."},
        422: {"description": "A field is wrong, or the Idempotency-Key stands for another request."},
    },
)
async def create(
    request: Request, response: Response, who: Who, task_type: Known, wish: JobRequest, idempotency_key: Key = None
) -> Any:
    """Queue a medium of the media store for a task."""
    media = str(wish.media_store_id)
    new = NewJob(
        contract=JOBS,
        task_type=task_type,
        media_store_id=media,
        priority=wish.priority,
        unique=contract.twin(task_type, media),
        idempotency_key=contract.own_key(JOBS, who.sub, idempotency_key),
    )
    job: Job = await to_thread.run_sync(parts.service(request).submit, new)
    response.headers["Location"] = f"/job/{job.id}"
    return job_json(job)


@router.get("/job", response_model=Listed)
async def listed(
    request: Request,
    status: Status | None = None,
    task_type: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: str | None = None,
) -> Any:
    """Jobs, newest first, of one state or task if you say so."""
    page = await to_thread.run_sync(parts.service(request).jobs.listed, status, task_type, limit, cursor)
    return {"jobs": [job_json(job) for job in page.jobs], "cursor": page.cursor}


@router.get("/job/{id}", response_model=Shown, responses=_NOT_THERE)
async def get(request: Request, id: str) -> Any:
    """How a job stands, and its result."""
    return job_json(await _job(request, id))


@router.delete("/job/{id}", status_code=204, response_class=Response, responses={**_GUARDED, **_NOT_THERE})
async def delete(request: Request, who: Who, id: str) -> Response:
    """Remove a job with its files and vectors; if it is being worked on, that stops."""
    if not await to_thread.run_sync(parts.service(request).delete, id):
        raise _unknown()
    return Response(status_code=204)


_NO_REPORT: dict[int | str, dict[str, Any]] = {404: {"description": "No such job, or no report of it is kept."}}


@router.get("/job/{id}/report", response_class=HTMLResponse, responses=_NO_REPORT)
async def report(request: Request, id: str) -> Response:
    """All that was found, as a page to look at."""
    from lookhear.page import render

    return HTMLResponse(await to_thread.run_sync(render, await _report(request, id)))


@router.get(
    "/job/{id}/report.json",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}, **_NO_REPORT},
)
async def report_json(request: Request, id: str) -> Response:
    """All that was found, with how it came about; 'lookhear schema' prints its schema."""
    text = await to_thread.run_sync(to_json, await _report(request, id))
    return Response(text, media_type="application/json")


async def _job(request: Request, id: str) -> Job:
    job: Job | None = await to_thread.run_sync(parts.service(request).jobs.get, id)
    if job is None:
        raise _unknown()
    return job


async def _report(request: Request, id: str) -> Report:
    job = await _job(request, id)
    found: Report | None = await to_thread.run_sync(parts.service(request).report_of, job)
    if found is None:
        raise UnknownJob(f"No report of this job is kept; the job is {job.status}. GET /job/{id} has its result.")
    return found


def _unknown() -> UnknownJob:
    return UnknownJob("There is no such job. GET /job lists those that there are.")
