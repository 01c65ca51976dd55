"""For administrators: how full it is, and tidying up."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from lookhear.jobs.job import Cleaned, Stats, Status
from lookhear.serve.http import parts
from lookhear.serve.http.auth import needs_admin

_SHOWN = (Status.PENDING, Status.PROCESSING, Status.COMPLETED, Status.ERROR, Status.SYNC_FAILED)
router = APIRouter(
    tags=["admin"],
    dependencies=[Depends(needs_admin)],
    responses={
        401: {"description": "No token, or none that can be trusted."},
        403: {"description": "The token is not an administrator's."},
    },
)


class Storage(BaseModel):
    """Jobs of any state, and what their files take."""

    total_jobs: int
    disk_usage_mb: float


class AdminStats(BaseModel):
    """``queue_size``: jobs that wait for a worker."""

    queue_size: int
    jobs: dict[str, int]
    storage: Storage


class Wish(BaseModel):
    """What to remove. Without a body: all jobs that have ended, with their files and vectors."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"older_than_seconds": 604800, "status": "completed"}]})

    older_than_seconds: Annotated[float | None, Field(ge=0, allow_inf_nan=False, description="Ended so long ago.")] = None
    status: Annotated[Status | None, Field(description="Only jobs of this state; none in a worker's hands is removed.")] = None
    remove_results: Annotated[bool, Field(description="Files and vectors of these jobs, too.")] = True
    remove_queue: Annotated[bool, Field(description="Jobs that wait, too.")] = False
    remove_orphaned_files: Annotated[bool, Field(description="Files of jobs that are no more.")] = False


class Removed(BaseModel):
    """How many went."""

    jobs_deleted: int
    files_deleted: int
    queue_entries_removed: int


@router.get("/admin/stats", response_model=AdminStats)
async def stats(request: Request) -> Any:
    """Jobs by state, and what is kept on the disk."""
    return await to_thread.run_sync(_stats, parts.service(request))


@router.delete("/admin/cleanup", response_model=Removed)
async def cleanup(request: Request, wish: Wish | None = None) -> Any:
    """Remove old jobs, and what is left of them."""
    return await to_thread.run_sync(_cleaned, parts.service(request), wish or Wish())


def _stats(service: Any) -> dict[str, Any]:
    counted: Stats = service.jobs.stats()
    usage = service.files.usage()
    return {
        "queue_size": counted.queue_size,
        "jobs": {status.value: counted.by_status[status] for status in _SHOWN},
        "storage": {"total_jobs": counted.total, "disk_usage_mb": round(usage.bytes / 1e6, 3)},
    }


def _cleaned(service: Any, wish: Wish) -> dict[str, int]:
    gone: list[Cleaned] = [service.jobs.cleanup(wish.older_than_seconds, wish.status)]
    if wish.remove_queue and wish.status is not Status.PENDING:
        gone.append(service.jobs.cleanup(wish.older_than_seconds, Status.PENDING))
    ids = [id for one in gone for id in one.job_ids]
    files = sum(service.forget(id) for id in ids) if wish.remove_results else 0
    if wish.remove_orphaned_files:
        files += service.files.sweep(lambda id: service.jobs.get(id) is not None)
    entries = sum(one.queue_entries for one in gone)
    return {"jobs_deleted": len(ids), "files_deleted": files, "queue_entries_removed": entries}
