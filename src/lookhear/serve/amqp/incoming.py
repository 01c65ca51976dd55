"""What a message asks for, as a job."""

from __future__ import annotations

import hashlib

from lookhear.contracts import analyzer
from lookhear.contracts.analyzer_mail import Mail
from lookhear.contracts.base import ANALYSIS, ANALYZER, error_of
from lookhear.errors import InputError
from lookhear.jobs.job import ANSWER, NewJob
from lookhear.serve.http.paths import resolve
from lookhear.settings import Settings

_LONG = 200  # characters of an id that are kept as they are
_SHOWN = 256  # of the name of a medium


def job_of(mail: Mail, settings: Settings) -> NewJob:
    """The job. What cannot be done becomes one, too: it fails, is answered and put aside as any that fails.

    The same message always has the same key, however often it is delivered.
    """
    try:
        message = mail.read()
        path = resolve(message.file_path, settings)
    except InputError as error:
        return refused(mail, error)
    asked = analyzer.ask(message.options)
    return NewJob(
        ANALYZER,
        ANALYSIS,
        message.media_id[:_SHOWN],
        message.priority,
        {
            ANSWER: mail.packed(),
            "path": str(path),
            "name": message.file_path,
            "tasks": asked.tasks,
            "options": asked.options,
        },
        idempotency_key=key_of(message.message_id),
    )


def refused(mail: Mail, error: Exception, twin: bool = False) -> NewJob:
    """A job that fails with ``error``; ``twin``: beside the one that another message of the same id has become."""
    request = {ANSWER: mail.packed(), "refused": error_of(error)}
    key = f"{mail.id}\n{hashlib.sha256(mail.body).hexdigest()}" if twin else mail.id
    return NewJob(ANALYZER, ANALYSIS, request=request, idempotency_key=key_of(key))


def key_of(message_id: str) -> str:
    """With a line break, which no key that comes by HTTP can have."""
    short = message_id if len(message_id) <= _LONG else hashlib.sha256(message_id.encode()).hexdigest()
    return f"amqp\n{short}"
