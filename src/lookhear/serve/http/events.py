"""What happens to jobs, as server-sent events: of one job until it ends, or of all.

Each has an ``id``, the kind of what happened as ``event``, and JSON as ``data``: job_id, event, data, timestamp (ms). Who
comes again with ``Last-Event-ID``, as browsers do by themselves, gets what was missed within EVENT_TTL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Request, Response
from sse_starlette.event import JSONServerSentEvent, ServerSentEvent
from sse_starlette.sse import EventSourceResponse

from lookhear.errors import UnknownJob
from lookhear.jobs.job import ANSWER, Event, Job, Status
from lookhear.serve.http import parts
from lookhear.serve.http.feed import FINAL, PAGE, Feed, Reader, feed

HEARTBEAT = 15.0  #: s between comments that keep a connection open
_LARGEST = 1 << 62
_EXAMPLE = (
    "id: 8\r\nevent: completed\r\n"
    'data: {"job_id":"550e8400-e29b-41d4-a716-446655440000","event":"completed",'
    '"data":{"status":"completed","task_type":"image_embedding","media_store_id":"123"},"timestamp":1700000010000}\r\n\r\n'
)
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events as they happen, and a comment now and then.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}
_GONE: dict[int | str, dict[str, Any]] = {
    204: {"description": "The job has ended, and all of it was told."},
    404: {"description": "There is no such job."},
}
_KINDS = {Status.ERROR: "failed"}  # of the others the event is called as the state
LastEventId = Annotated[str | None, Header(description="Of the last event that came; those after it are told.")]
router = APIRouter(tags=["events"])


@router.get("/events", response_class=EventSourceResponse, responses=_STREAM)
async def all_events(request: Request, last_event_id: LastEventId = None) -> Response:
    """Changes of all jobs: those since Last-Event-ID, else from now on."""
    jobs, after = parts.service(request).jobs, _number(last_event_id)
    return _stream(_told(jobs, feed(request), None, after))


@router.get("/job/{id}/events", response_class=EventSourceResponse, responses={**_STREAM, **_GONE})
async def job_events(request: Request, id: str, last_event_id: LastEventId = None) -> Response:
    """Changes of one job, from the first that is kept, or since Last-Event-ID; the stream ends with the job."""
    jobs, after = parts.service(request).jobs, _number(last_event_id)
    job = await to_thread.run_sync(jobs.get, id)
    missed = await to_thread.run_sync(jobs.events, after or 0, id, 1)
    if job is None and not missed:
        raise UnknownJob("There is no such job. GET /job lists those that there are.")
    if job is not None and job.status.final and not missed and after is not None:
        return Response(status_code=204)  # browsers come again until they are told so
    return _stream(_told(jobs, feed(request), id, after or 0))


def _stream(told: AsyncIterator[bytes]) -> Response:
    return EventSourceResponse(told, ping=HEARTBEAT, ping_message_factory=lambda: ServerSentEvent(comment="still here"))


async def _told(jobs: Any, feed: Feed, job_id: str | None, after: int | None) -> AsyncIterator[bytes]:
    """Beginning with what was missed ``after`` an event; the reader is there before that is looked up."""
    yield ServerSentEvent(comment="here").encode()  # tells at once that it is heard
    async with feed.reading(job_id) as reader:
        job: Job | None = await to_thread.run_sync(jobs.get, job_id) if job_id else None
        async for event in _missed(jobs, job_id, after):
            yield encoded(event)
            after = event.id
            if job_id and event.kind in FINAL:
                return
        if job_id and (job is None or job.status.final):
            yield _last_word(job_id, job)
            return
        while news := await reader.next():
            if after is not None and news.id <= after:
                continue
            yield encoded(news)
            if job_id and news.kind in FINAL:
                return
        yield ServerSentEvent(comment=_reason(reader, feed)).encode()


def _reason(reader: Reader, feed: Feed) -> str:
    if reader.slow:
        return "too slow: come again with Last-Event-ID"
    return "the service stops" if feed.stopping else "the jobs cannot be read now: come again with Last-Event-ID"


async def _missed(jobs: Any, job_id: str | None, after: int | None) -> AsyncIterator[Event]:
    while after is not None:
        events: list[Event] = await to_thread.run_sync(jobs.events, after, job_id, PAGE)
        for event in events:
            yield event
        after = events[-1].id if len(events) == PAGE else None


def _last_word(job_id: str, job: Job | None) -> bytes:
    """How it ended, where the event that told it is not kept any more."""
    kind, data, at = "deleted", {}, None
    if job is not None:
        kind, at = _KINDS.get(job.status, job.status.value), job.completed_at
        data = {"status": job.status.value, "task_type": job.task_type, "media_store_id": job.media_store_id}
    told = {"job_id": job_id, "event": kind, "data": data, "timestamp": at}
    return JSONServerSentEvent(told, event=kind).encode()


def encoded(event: Event) -> bytes:
    """As it goes over the wire."""
    data = {name: value for name, value in event.data.items() if name != ANSWER}
    told = {"job_id": event.job_id, "event": event.kind, "data": data, "timestamp": event.at}
    return JSONServerSentEvent(told, event=event.kind, id=str(event.id)).encode()


def _number(last_event_id: str | None) -> int | None:
    """What is no id of ours counts for nothing: some clients send an empty one."""
    text = (last_event_id or "").strip()
    return min(int(text), _LARGEST) if text.isascii() and text.isdigit() and len(text) < 20 else None
