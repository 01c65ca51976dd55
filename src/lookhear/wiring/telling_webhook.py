"""The webhook as an outlet of jobs that end."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from lookhear.errors import OutletFailed, OutletRefused
from lookhear.jobs.cursors import PATIENCE
from lookhear.jobs.job import Event
from lookhear.jobs.store import JobStore
from lookhear.outlets.webhook import Webhook
from lookhear.wiring.telling import Done

_LOG = logging.getLogger(__name__)
_ENDED = {"completed": "job_completed", "sync_failed": "job_completed", "failed": "job_failed"}


class WebhookOutlet:
    """One event after the other; one that is refused is passed over, and so is one that nobody took for a week."""

    name = "webhook"
    waits = (1.0, 60.0)

    def __init__(self, jobs: JobStore, webhook: Webhook) -> None:
        self._jobs, self._webhook = jobs, webhook

    def begin(self) -> None:
        """Repeats have the same id, and are for the receiver to know."""

    def deliver(self, events: Sequence[Event], done: Done) -> None:
        """See ``Outlet``."""
        for event in events:
            if event.kind in _ENDED:
                self._send(event)
            done(event.id)

    def close(self) -> None:
        """See ``Outlet``."""
        self._webhook.close()

    def _send(self, event: Event) -> None:
        try:
            self._webhook.send(_ENDED[event.kind], told(self._jobs, event), f"{event.job_id}-{event.id}")
        except OutletRefused as error:
            _LOG.warning("%s", error)
        except OutletFailed as error:
            if time.time() - event.at / 1000 < PATIENCE:
                raise
            _LOG.warning("The webhook was not told of job %s within a week: %s", event.job_id, error)


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
