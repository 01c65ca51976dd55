"""Events of jobs, told to the webhook as they happen."""

from __future__ import annotations

import logging
import threading
from typing import Any

from lookhear.errors import ServiceBusy
from lookhear.jobs.job import Event
from lookhear.jobs.store import JobStore
from lookhear.outlets.webhook import Webhook

_LOG = logging.getLogger(__name__)
_ENDED = {"completed": "job_completed", "sync_failed": "job_completed", "failed": "job_failed"}
_PATIENCE = 1.0  # s between looks, whatever is heard


def tell_webhook(jobs: JobStore, webhook: Webhook, seen: int, closing: threading.Event) -> None:
    """Of jobs that end, by events after ``seen``, until ``closing``."""
    while not closing.is_set():
        jobs.wait(_PATIENCE, seen, closing.is_set)
        try:
            for event in jobs.events(seen):
                seen = event.id
                if event.kind in _ENDED:
                    webhook.tell(_ENDED[event.kind], told(jobs, event), f"{event.job_id}-{event.id}")
        except ServiceBusy as error:
            _LOG.warning("the webhook hears of jobs later: %s", error)


def told(jobs: JobStore, event: Event) -> dict[str, Any]:
    """What is said of a job that has ended."""
    job = jobs.get(event.job_id)
    if job is None:
        return {"job_id": event.job_id, **event.data}
    about: dict[str, Any] = {
        "job_id": job.id,
        "task_type": job.task_type,
        "media_store_id": job.media_store_id,
        "status": str(job.status),
    }
    return {**about, "error": job.error_message} if job.result is None else {**about, "result": job.result}
