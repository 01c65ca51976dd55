"""For administrators: how full it is, and tidying up."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from lookhear.contracts.jobs import CleanupRequest, admin_stats, cleaned
from lookhear.jobs.job import Cleaned, Stats, Status
from lookhear.serve.http import parts
from lookhear.serve.http.auth import needs_admin

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
async def cleanup(request: Request, wish: CleanupRequest | None = None) -> Any:
    """Remove old jobs, and what is left of them; without a body those that ended a week ago."""
    return await to_thread.run_sync(_cleaned, parts.service(request), wish or CleanupRequest.model_validate({}))


def _stats(service: Any) -> dict[str, Any]:
    counted: Stats = service.jobs.stats()
    return admin_stats(counted.queue_size, counted.by_status, counted.total, service.files.usage().bytes)


def _cleaned(service: Any, wish: CleanupRequest) -> dict[str, int]:
    status = None if wish.status is None else Status(wish.status)
    gone: Cleaned = service.jobs.cleanup(wish.older_than_seconds, status)
    service.retract(*gone.job_ids)
    files = service.forget(*gone.job_ids) if wish.remove_results else 0
    if wish.remove_orphaned_files:
        files += service.files.sweep(lambda id: service.jobs.get(id) is not None)
    return cleaned(len(gone.job_ids), files, gone.queue_entries)
