"""How far an outlet has been told of events: kept in the database, so that nothing is left out whoever stops or dies.

One process at a time holds a cursor, by a lease that it renews; when it dies another takes over where it was. Ids of events
are committed in their order, so that what comes after ``seen`` is all that is still to be told. A new cursor begins at
the newest event: what was before is not told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from lookhear.jobs.prepared import Prepared
from lookhear.jobs.tables import CURSORS, EVENTS, now_ms

PATIENCE = 7 * 86_400.0  #: s that events wait for an outlet that nobody tells any more
ENDS = ("completed", "sync_failed", "failed", "cancelled", "deleted")  #: kinds of events that outlets are told of
_C = CURSORS.c
_NEWEST = select(func.coalesce(func.max(EVENTS.c.id), 0)).scalar_subquery()
_FRESH = {"name": bindparam("b_name"), "seen": _NEWEST, "heard_at": now_ms(), "lease_ms": 0}
_FOLLOW = {
    "sqlite": Prepared(sqlite.insert(CURSORS).values(_FRESH).on_conflict_do_nothing()),
    "postgresql": Prepared(postgresql.insert(CURSORS).values(_FRESH).on_conflict_do_nothing()),
}
_MINE = (_C.name == bindparam("b_name")) & (_C.holder == bindparam("b_holder"))
# A last beat further in the future than a lease means that the clock was set back since.
_SILENT = or_(_C.heard_at + _C.lease_ms < now_ms(), _C.heard_at > now_ms() + _C.lease_ms)
_FREE = or_(_C.holder.is_(None), _C.holder == bindparam("b_holder"), _SILENT)
_HOLD = Prepared(
    update(CURSORS)
    .where(_C.name == bindparam("b_name"), _FREE)
    .values(holder=bindparam("b_holder"), heard_at=now_ms(), lease_ms=bindparam("b_lease"))
    .returning(_C.seen)
)
_LEFT = Prepared(select(_C.heard_at + _C.lease_ms - now_ms()).where(_C.name == bindparam("b_name")))
_ADVANCE = Prepared(
    update(CURSORS)
    .where(_MINE)
    .values(seen=func.coalesce(bindparam("b_seen", type_=_C.seen.type), _C.seen), heard_at=now_ms())
)
_LET_GO = Prepared(update(CURSORS).where(_MINE).values(holder=None))
_Made = TypeVar("_Made")
Write = Callable[[Callable[[Connection], Any]], Any]


@dataclass(frozen=True)
class Hold:
    """``seen``: the event to go on after; None: another process tells, and may have died in ``wait`` s."""

    seen: int | None
    wait: float = 0.0


class Cursor:
    """That of one outlet, as ``holder`` sees it. Raises ServiceBusy where the database does not answer."""

    def __init__(self, name: str, holder: str, lease: float, write: Write) -> None:
        self.name, self.lease = name, lease
        self._write, self._mine = write, {"b_name": name, "b_holder": holder}

    def follow(self) -> None:
        """It is there: from now on no event is left out."""
        self._write(lambda on: _FOLLOW[on.dialect.name].count(on, b_name=self.name))

    def hold(self) -> Hold:
        """It is ours from now on, unless another has it."""

        def held(on: Connection) -> Hold:
            _FOLLOW[on.dialect.name].count(on, b_name=self.name)
            row = _HOLD.row(on, **self._mine, b_lease=round(self.lease * 1000))
            return Hold(row[0]) if row else Hold(None, max(0.0, _LEFT.rows(on, b_name=self.name)[0][0] / 1000))

        found: Hold = self._write(held)
        return found

    def beat(self, seen: int | None = None) -> bool:
        """The lease is renewed; all up to ``seen`` was told. False: it is not ours any more."""
        changed: int = self._write(lambda on: _ADVANCE.count(on, **self._mine, b_seen=seen))
        return changed == 1

    def let_go(self) -> None:
        """Another may have it at once."""
        self._write(lambda on: _LET_GO.count(on, **self._mine))


def lowest_seen() -> Any:
    """Up to there all outlets were told, but for those that nobody tells any more; NULL: there are none."""
    return select(func.min(_C.seen)).where(_C.heard_at >= now_ms() - round(PATIENCE * 1000)).scalar_subquery()


def expire_events(connection: Connection, ttl: float) -> None:
    """Older events are gone, but for the newest, and for ends of jobs that an outlet has still to be told of."""
    newest = select(func.max(EVENTS.c.id)).scalar_subquery()
    lowest = connection.execute(select(lowest_seen())).scalar_one()
    old = delete(EVENTS).where(EVENTS.c.at < now_ms() - round(ttl * 1000), EVENTS.c.id < newest)
    if lowest is not None:
        old = old.where(or_(EVENTS.c.id <= lowest, EVENTS.c.kind.not_in(ENDS), EVENTS.c.at < _long_ago(ttl)))
    connection.execute(old)


def _long_ago(ttl: float) -> Any:
    return now_ms() - round((ttl + PATIENCE) * 1000)
