"""Our own door: any tasks on any medium, answered at once, or by a job where that takes long.

The answer is the report, in the one JSON form that it has everywhere.
"""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from lookhear.analysis.codec import to_json
from lookhear.analysis.plan import make_plan
from lookhear.analysis.report import Report
from lookhear.contracts.base import ANALYSIS
from lookhear.contracts.jobs import job_json, own_key
from lookhear.errors import TookTooLong
from lookhear.jobs.job import Job, NewJob
from lookhear.serve.http import parts, uploads
from lookhear.serve.http.attended import attended
from lookhear.serve.http.auth import caller
from lookhear.serve.http.digests import digest
from lookhear.serve.http.fetched import fetched
from lookhear.serve.http.gate import still_wanted
from lookhear.serve.http.jobs import KEY, Shown
from lookhear.serve.http.paths import resolve
from lookhear.serve.http.tagging import named, spooled
from lookhear.serve.http.uploads import Form
from lookhear.serve.http.wish import FIELDS, Asked, Fields, Wish, json_of, valid
from lookhear.settings import Settings

_KINDS = ("audio", "image", "video")
_PART = "file"
_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "Where the job is."}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report; what failed of it is in `errors`. GET /schema has its JSON Schema.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    202: {"description": "A job does it. GET /job/{id}/report.json will have the report.", "headers": _LOCATION},
    403: {"description": "The path lies outside MEDIA_ROOTS, or URLs are not allowed."},
    404: {"description": "There is no such file."},
    413: {"description": "Over a limit of the settings."},
    415: {"description": "No image, audio or video."},
    422: {
        "description": "No such task or option, a medium or URL that cannot be read, or an Idempotency-Key that stands "
        "for another request."
    },
    504: {"description": "The server of the URL takes too long."},
    503: {"description": "As many analyses run or wait as may; Retry-After says when to come again."},
}
Key = Annotated[str | None, Header(max_length=256, description=KEY)]
Wait = Annotated[bool, Query(description="false: a job does it, and the answer is 202 at once.")]
router = APIRouter(tags=["analysis"])


@router.post(
    "/analyze",
    response_class=Response,
    responses={**_ANSWERS, 202: {**_ANSWERS[202], "model": Shown}},
    openapi_extra=uploads.body(Form({_PART: 1}, 0), FIELDS, Wish.model_json_schema()),
)
async def analyze(request: Request, wait: Wait = True, idempotency_key: Key = None) -> Response:
    """Analyse one medium. What takes longer than REQUEST_TIMEOUT becomes a job."""
    if wait:
        parts.gate(request).check()  # before the upload
    asked, service = await _asked(request), parts.service(request)
    new = NewJob(
        contract=ANALYSIS,
        task_type=ANALYSIS,
        media_store_id=named(asked.name),
        request={**asked.file, "tasks": asked.tasks, "options": asked.options},
        idempotency_key=own_key(ANALYSIS, caller(request), idempotency_key),
    )
    if wait and not await to_thread.run_sync(_on_its_way, service, new):
        try:
            return Response(await attended(request, _report, service, asked), media_type=_JSON)
        except TookTooLong:
            pass  # a job has more time
    await to_thread.run_sync(_check, service, asked)
    job: Job = await to_thread.run_sync(service.submit, new)
    return JSONResponse(job_json(job), 202, {"Location": f"/job/{job.id}"})


def _on_its_way(service: Any, new: NewJob) -> bool:
    """Is it a job by now, that was sent before with the same key? Raises KeyReused."""
    job: Job | None = service.jobs.same(new)
    return job is not None and not job.status.final


def _report(service: Any, asked: Asked) -> str:
    _check(service, asked)
    sums = digest(asked.path, service.settings) if asked.sha256 is None else None
    sha256 = sums.sha256 if sums else asked.sha256
    found: Report = service.analyze(
        asked.path, asked.tasks, asked.options, name=asked.name, sha256=sha256, progress=still_wanted
    )
    return to_json(found)


def _check(service: Any, asked: Asked) -> None:
    """Before anything is decoded or queued. Raises UnknownTask, InvalidOptions, UnknownModel."""
    for kind in _KINDS:
        make_plan(kind, asked.tasks, asked.options, shelf=service.shelf)


async def _asked(request: Request) -> Asked:
    service = parts.service(request)
    settings: Settings = service.settings
    if uploads.is_multipart(request):
        found = await uploads.read(request, Form({_PART: 1}, settings.max_upload_bytes), service.spool)
        fields, file = valid(Fields, dict(found.fields)), found.file(_PART)
        kept = {"upload": spooled(file)}
        return Asked(file.path, file.filename or _PART, fields.tasks, fields.options, kept, file.sha256)
    wish = valid(Wish, await json_of(request))
    if wish.path is not None:
        path = await to_thread.run_sync(resolve, wish.path, settings)
        return Asked(path, wish.path, wish.tasks, wish.options, {"path": str(path), "name": wish.path})
    url = wish.url or ""
    got = await attended(request, fetched, url, service.spool, settings)
    came: dict[str, Any] = {
        "url": url,
        "upload": {"path": str(got.path), "name": url, "size": got.size, "sha256": got.sha256, "xxh64": got.xxh64},
    }
    return Asked(got.path, url, wish.tasks, wish.options, came, got.sha256)


_JSON = "application/json"
