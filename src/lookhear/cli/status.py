"""``lookhear status``: workers, queue and connections, out of the database alone; no server need run."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from lookhear.cli.show import console
from lookhear.jobs.job import Stats, Status, WorkerSeen
from lookhear.jobs.store import JobStore
from lookhear.settings import Settings, load_settings
from lookhear.wiring.connections import Connection, connections

_EACH = 1.0  # s between looks
_COLOURS = {"busy": "green", "idle": "dim", "stopping": "yellow", "ok": "green", "broken": "red"}
_SHOWN = (Status.PENDING, Status.PROCESSING, Status.COMPLETED, Status.ERROR, Status.SYNC_FAILED, Status.CANCELLED)


@dataclasses.dataclass(frozen=True)
class Seen:
    """All of it, at one moment."""

    stats: Stats
    rates: dict[str, float]
    workers: list[WorkerSeen]
    connections: list[Connection]
    at: float  #: s since 1970


def run(as_json: bool, watch: bool) -> int:
    """Once, or until Ctrl-C; 3 where something does not answer. Raises DatabaseUnavailable."""
    settings = load_settings()
    jobs = JobStore(settings)
    try:
        jobs.look()
        seen = _look(settings, jobs)
        _show(seen, _later(settings, jobs) if watch else (), as_json)
    finally:
        jobs.close()
    return 3 if any(one.state == "broken" for one in seen.connections) else 0


def _show(first: Seen, later: Iterable[Seen], as_json: bool) -> None:
    if as_json:
        for seen in chain([first], later):
            print(json.dumps(told(seen), ensure_ascii=False), flush=True)
        return
    with Live(_drawn(first), console=console(), auto_refresh=False) as live:
        for seen in later:
            live.update(_drawn(seen), refresh=True)


def _later(settings: Settings, jobs: JobStore) -> Iterator[Seen]:
    while True:
        time.sleep(_EACH)
        yield _look(settings, jobs)


def _look(settings: Settings, jobs: JobStore) -> Seen:
    reached = list(connections(settings, jobs))
    return Seen(jobs.stats(), jobs.rates(), jobs.workers(), reached, time.time())


def told(seen: Seen) -> dict[str, Any]:
    """As JSON has it."""
    stats = seen.stats
    return {
        "timestamp": seen.at,
        "queue": {
            "waiting": stats.queue_size,
            "oldest_waiting_seconds": stats.oldest_waiting,
            "by_status": stats.by_status,
            "by_task_type": stats.by_task_type,
            "completed_today": stats.completed_today,
            "mean_seconds": None if stats.mean_ms is None else stats.mean_ms / 1000,
            "ended_per_minute": seen.rates,
        },
        "workers": [dataclasses.asdict(one) for one in seen.workers],
        "connections": [dataclasses.asdict(one) for one in seen.connections],
    }


def _drawn(seen: Seen) -> RenderableType:
    rates = f"{seen.rates['minute']:.0f} in the last minute, {seen.rates['ten_minutes']:.1f} a minute over ten"
    waits = "" if seen.stats.oldest_waiting is None else f"; the oldest waits for {_span(seen.stats.oldest_waiting)}"
    line = Text(f"Jobs that ended: {rates}; {seen.stats.completed_today} done today{waits}.")
    return Group(_workers(seen), _queue(seen.stats), line, _connections(seen.connections))


def _workers(seen: Seen) -> RenderableType:
    if not seen.workers:
        return Text("No workers. Start some: lookhear worker, or lookhear serve.", style="yellow")
    table = Table(title="Workers", title_justify="left")
    for title in ("worker", "state", "device", "jobs in hand", "models", "memory", "done", "failed", "up", "heard"):
        table.add_column(title, overflow="fold", justify="right" if title in ("memory", "done", "failed") else "left")
    now = seen.at * 1000
    for one in seen.workers:
        types = "" if one.task_types is None else f"\n[dim]only {escape(', '.join(one.task_types))}[/]"
        table.add_row(
            f"{escape(one.host)} {one.pid}{types}",
            f"[{_COLOURS[one.state]}]{one.state}[/]",
            escape(one.device),
            "\n".join(escape(f"{job.task_type} {job.id[:8]}") for job in one.jobs) or f"[dim]0 of {one.slots}[/]",
            escape("\n".join(one.models)),
            f"{one.memory_mb:.0f} MB",
            str(one.done),
            str(one.failed),
            _span((now - one.started_at) / 1000),
            _span((now - one.beat_at) / 1000),
        )
    return table


def _queue(stats: Stats) -> RenderableType:
    if not stats.total:
        return Text("No jobs.")
    table = Table(title="Jobs", title_justify="left", show_footer=True)
    table.add_column("type", footer="all")
    for status in _SHOWN:
        table.add_column(status.value.replace("_", " "), justify="right", footer=str(stats.by_status[status]))
    mean = "" if stats.mean_ms is None else _span(stats.mean_ms / 1000)
    table.add_column("each takes", justify="right", footer=mean)
    for task_type, counts in sorted(stats.by_task_type.items()):
        each = stats.mean_ms_by_task_type.get(task_type)
        numbers = [str(counts.get(status, 0)) for status in _SHOWN]
        table.add_row(escape(task_type), *numbers, "" if each is None else _span(each / 1000))
    return table


def _connections(found: list[Connection]) -> RenderableType:
    table = Table(title="Connections", title_justify="left")
    for title in ("to", "state", "detail"):
        table.add_column(title, overflow="fold")
    for one in found:
        table.add_row(one.name, f"[{_COLOURS[one.state]}]{one.state}[/]", escape(one.detail))
    return table


def _span(seconds: float) -> str:
    """As a person says it."""
    seconds = max(0.0, seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
