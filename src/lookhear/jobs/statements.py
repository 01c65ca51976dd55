"""The SQL of everything that can happen to a job, in words that both databases understand."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Text, bindparam, case, delete, func, insert, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from lookhear.jobs.job import OPEN, Status
from lookhear.jobs.prepared import Prepared
from lookhear.jobs.rows import SHOWN
from lookhear.jobs.tables import ANSWERS, EVENTS, FIGURES, JOBS, QUEUE, SYNC, WORKERS, now_ms

INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}  #: by dialect
_N, _A = QUEUE.c, JOBS.c
_NUMBER: BindParameter[int] = bindparam("b_number")
_MINE = (_N.number == _NUMBER) & (_N.worker == bindparam("b_worker")) & (_N.attempts == bindparam("b_attempts"))
_FREE = {"worker": None, "beat_at": None, "lease_ms": None}
_OPEN = _A.status.in_([literal_column(f"'{status}'") for status in sorted(OPEN)])  # in words, as in the partial index
# A last beat, or a wait, further in the future than any that we give means that the clock was set back since.
_READY = or_(_N.ready_at <= now_ms(), _N.ready_at > now_ms() + bindparam("b_longest"))
_SILENT = or_(_N.beat_at + _N.lease_ms < now_ms(), _N.beat_at > now_ms() + _N.lease_ms)


@cache
def claim(types: int) -> Prepared:
    """The first in the queue is the worker's; with ``types`` > 0 the first of so many types."""
    first = select(_N.number).where(_N.worker.is_(None), _READY)
    if types:
        first = first.where(_N.task_type.in_([bindparam(f"b_type{index}") for index in range(types)]))
    first = first.order_by(_N.priority.desc(), _N.number).limit(1).with_for_update(skip_locked=True)
    taken = update(QUEUE).where(_N.number == first.scalar_subquery())
    return Prepared(
        taken.values(
            worker=bindparam("b_worker"), attempts=_N.attempts + 1, beat_at=now_ms(), lease_ms=bindparam("b_lease")
        ).returning(_N.number, _N.attempts)
    )


_FRESH = {
    "id": bindparam("b_id"),
    "contract": bindparam("b_contract"),
    "task_type": bindparam("b_task_type"),
    "media_store_id": bindparam("b_media_store_id"),
    "status": Status.PENDING.value,
    "priority": bindparam("b_priority"),
    "created_at": now_ms(),
    "request": bindparam("b_request"),
    "attempts": 0,
    "unique_key": bindparam("b_unique_key"),
    "idempotency_key": bindparam("b_idempotency_key"),
}
INSERT = {  # no row comes back where one is in its way
    name: Prepared(make(JOBS).values(_FRESH).on_conflict_do_nothing().returning(_A.number, _A.created_at))
    for name, make in INSERTS.items()
}
QUEUED = Prepared(
    insert(QUEUE).values(
        number=_NUMBER,
        task_type=bindparam("b_task_type"),
        priority=bindparam("b_priority"),
        ready_at=0,
        failures=0,
        attempts=0,
    )
)
STARTED = Prepared(
    update(JOBS)
    .where(_A.number == _NUMBER)
    .values(
        status=Status.PROCESSING.value,
        started_at=now_ms(),
        progress=None,
        worker=bindparam("b_worker"),
        attempts=bindparam("b_attempts"),
    )
    .returning(*SHOWN)
)
BEAT = Prepared(update(QUEUE).where(_MINE).values(beat_at=now_ms()))
PROGRESS = Prepared(update(JOBS).where(_A.number == _NUMBER).values(progress=bindparam("b_progress")))
LEAVE = Prepared(delete(QUEUE).where(_MINE))
LEAVE_ALL = Prepared(delete(QUEUE).where(_N.number == _NUMBER))
FORGET_SYNC = Prepared(delete(SYNC).where(SYNC.c.job_id == bindparam("b_id")))
FORGET = Prepared(delete(JOBS).where(_A.number == _NUMBER))
ENDED = Prepared(
    update(JOBS)
    .where(_A.number == _NUMBER, _OPEN)
    .values(
        status=bindparam("b_status"),
        completed_at=now_ms(),
        result=bindparam("b_result"),
        progress=func.coalesce(bindparam("b_progress", type_=_A.progress.type), _A.progress),
        error_code=bindparam("b_code"),
        error_message=bindparam("b_message"),
    )
    .returning(*SHOWN)
)
BACK = Prepared(
    update(QUEUE)
    .where(_MINE)
    .values(
        **_FREE,
        failures=_N.failures + bindparam("b_failed"),
        ready_at=case((bindparam("b_wait") > 0, now_ms() + bindparam("b_wait")), else_=0),
    )
)
WAITS_AGAIN = Prepared(
    update(JOBS)
    .where(_A.number == _NUMBER)
    .values(
        status=Status.PENDING.value,
        worker=None,
        progress=None,
        error_code=func.coalesce(bindparam("b_code"), _A.error_code),
        error_message=func.coalesce(bindparam("b_message"), _A.error_message),
    )
    .returning(*SHOWN)
)
FAILURES = Prepared(select(_N.failures).where(_MINE).with_for_update())
TELL = Prepared(
    insert(EVENTS)
    .values(job_id=bindparam("b_id"), kind=bindparam("b_kind"), data=bindparam("b_data"), at=now_ms())
    .returning(EVENTS.c.id)
)
JOB = Prepared(select(*SHOWN).where(_A.number == _NUMBER))
WITH_ID = Prepared(select(*SHOWN).where(_A.id == bindparam("b_id")))
WITH_KEY = Prepared(select(*SHOWN).where(_A.idempotency_key == bindparam("b_key")))
TWIN = Prepared(select(*SHOWN).where(_A.unique_key == bindparam("b_key"), _OPEN))
EXPIRED = Prepared(select(_N.number).where(_N.worker.is_not(None), _SILENT).with_for_update(skip_locked=True))
_OF: BindParameter[str] = bindparam("b_worker", type_=Text)
_OFS = or_(
    _N.worker == _OF, func.substr(_N.worker, 1, func.length(_OF) + 1) == _OF.concat(".")
)  # its own, its threads'
HELD_BY = Prepared(select(_N.number).where(_N.worker.is_not(None), _OFS).with_for_update(skip_locked=True))
WAITING = Prepared(select(func.count()).select_from(QUEUE).where(_N.worker.is_(None)))
NOW = Prepared(select(now_ms()))
_SINCE = now_ms() - bindparam("b_ttl")
KEPT = Prepared(select(ANSWERS.c.json).where(ANSWERS.c.key == bindparam("b_key"), ANSWERS.c.kept_at >= _SINCE))
_ANSWER = {"json": bindparam("b_json"), "kept_at": now_ms()}
KEEP = {
    name: Prepared(
        make(ANSWERS)
        .values(key=bindparam("b_key"), **_ANSWER)
        .on_conflict_do_update(index_elements=["key"], set_=_ANSWER)
    )
    for name, make in INSERTS.items()
}

_W, _F = WORKERS.c, FIGURES.c
_TOLD = {
    "host": bindparam("b_host"),
    "pid": bindparam("b_pid"),
    "place": bindparam("b_place", type_=Text),
    "born": bindparam("b_born", type_=_W.born.type),
    "beat_at": now_ms(),
    "lease_ms": bindparam("b_lease"),
    "slots": bindparam("b_slots"),
    "task_types": bindparam("b_types", type_=Text),
    "device": bindparam("b_device"),
    "stopping": bindparam("b_stopping"),
    "models": bindparam("b_models"),
    "memory_mb": bindparam("b_memory"),
    "done": bindparam("b_done"),
    "failed": bindparam("b_failed"),
    "version": bindparam("b_version"),
}
_COUNTED: dict[str, Any] = {
    "kind": bindparam("b_kind"),
    "what": bindparam("b_what"),
    "by": bindparam("b_by"),
    "bucket": bindparam("b_bucket"),
    "count": bindparam("b_count"),
    "seconds": bindparam("b_seconds"),
}
PRESENT = {
    name: Prepared(
        make(WORKERS)
        .values(name=bindparam("b_name"), started_at=now_ms(), **_TOLD)
        .on_conflict_do_update(index_elements=["name"], set_={**_TOLD})
    )
    for name, make in INSERTS.items()
}
COUNTED = {
    name: Prepared(
        (fresh := make(FIGURES).values(**_COUNTED)).on_conflict_do_update(
            index_elements=["kind", "what", "by", "bucket"],
            set_={"count": _F.count + fresh.excluded.count, "seconds": _F.seconds + fresh.excluded.seconds},
        )
    )
    for name, make in INSERTS.items()
}
_AWAY = or_(_W.beat_at + _W.lease_ms < now_ms(), _W.beat_at > now_ms() + _W.lease_ms)
ABSENT = Prepared(delete(WORKERS).where(_W.name == bindparam("b_name")))
ALL_ABSENT = Prepared(delete(WORKERS).where(_AWAY))
