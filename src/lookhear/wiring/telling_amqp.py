"""Jobs that came by message, answered by message."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from lookhear.contracts import analyzer
from lookhear.contracts.analyzer_mail import Mail
from lookhear.contracts.analyzer_messages import Message
from lookhear.contracts.base import ANALYZER
from lookhear.errors import BadMessage, KeyReused
from lookhear.jobs.job import ANSWER, OPEN, Event, Job
from lookhear.jobs.store import JobStore
from lookhear.outlets.amqp import Letter, Publisher
from lookhear.wiring.telling import Done

_ROUTES = ("CC", "BCC")  # headers by which a broker sends copies elsewhere
_GONE = {
    "cancelled": "The job was cancelled before it was done.",
    "deleted": "The job was deleted before it was answered.",
}


class AmqpOutlet:
    """Each job that came by message gets one answer; what failed is dead-lettered as well, with the reason."""

    name = "amqp"
    waits = (0.5, 5.0)  # the connection has waits of its own

    def __init__(self, jobs: JobStore, publisher: Publisher) -> None:
        self._jobs, self.publisher = jobs, publisher

    def begin(self) -> None:
        """See ``Outlet``."""
        self.publisher.begin()

    def deliver(self, events: Sequence[Event], done: Done) -> None:
        """See ``Outlet``."""
        ours = [event for event in events if event.data.get("contract") == ANALYZER]
        jobs = self._jobs.of_ids({event.job_id for event in ours})
        letters: list[Letter] = []
        reach: list[int] = []  # by letter: the event up to which all is told when it is
        for event in ours:
            if told := self._letters(event, jobs.get(event.job_id)):
                letters += told
                reach += [event.id - 1] * (len(told) - 1) + [event.id]
        if letters:
            self.publisher.publish(letters, lambda count: done(reach[count - 1]))

    def close(self) -> None:
        """See ``Outlet``."""
        self.publisher.close()

    def _letters(self, event: Event, job: Job | None) -> list[Letter]:
        if event.kind == "deleted":
            open_then = event.data["status"] in OPEN  # else its end was told, or is in the events before
            return _failed(event, event.data[ANSWER], _error(event.kind)) if open_then else []
        if job is None:
            return self._departed(event)
        if job.result is not None:
            return [_answer(job, job.result)]
        seconds = ((job.completed_at or 0) - (job.started_at or job.completed_at or 0)) / 1000
        code, message = job.error_code, job.error_message
        error = _error(event.kind) if code is None else {"code": code, "message": message or ""}
        return _failed(event, job.request[ANSWER], error, seconds)

    def _departed(self, event: Event) -> list[Letter]:
        """Of a job that had ended, but was deleted before that could be told."""
        later = self._jobs.events(event.id, event.job_id, kinds=["deleted"])
        return _failed(event, later[0].data[ANSWER], _error("deleted")) if later else []


def _answer(job: Job, result: dict[str, Any]) -> Letter:
    body = json.dumps(result, ensure_ascii=False).encode()
    key = analyzer.routing_key(analyzer.kind_of(result))
    return Letter(key, body, job.id, Mail.of(job.request[ANSWER]).id)


def _failed(event: Event, kept: Mapping[str, Any], error: dict[str, str], seconds: float = 0.0) -> list[Letter]:
    """The message itself is put aside first: once the answer is there, it lies there, too."""
    mail = Mail.of(kept)
    message: Message | None = None
    with suppress(BadMessage):
        message = mail.read()
    at, job_id = datetime.fromtimestamp(event.at / 1000, UTC), event.job_id
    told = analyzer.failed(message or mail.id, error, seconds=seconds, now=at)
    body = json.dumps(told, ensure_ascii=False).encode()
    key = analyzer.routing_key(message.kind if message else "")
    about = {"x-reason": error["code"], "x-error": error["message"][:4000], "x-job-id": job_id}
    theirs = {name: value for name, value in mail.headers.items() if name not in _ROUTES}
    came = {"x-original-exchange": mail.exchange, "x-original-routing-key": mail.routing_key}
    dead = Letter(
        mail.routing_key,
        mail.body,
        f"dead-{job_id}",
        mail.id,
        {**theirs, **about, **came},
        mail.content_type,
        True,
    )
    answered = error["code"] == KeyReused.code  # the other message of that id is, or will be
    return [dead] if answered else [dead, Letter(key, body, job_id, mail.id)]


def _error(kind: str) -> dict[str, str]:
    return {"code": f"job_{kind}", "message": _GONE.get(kind, "It failed.")}
