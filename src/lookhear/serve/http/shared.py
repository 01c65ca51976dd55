"""Figures for Prometheus of all processes that share the database of jobs, as they have told it."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from lookhear.jobs.job import WorkerSeen
from lookhear.jobs.tally import BOUNDS, ERROR, JOB, TASK, Figure, Figures

_log = logging.getLogger(__name__)
_STATES = ("idle", "busy", "stopping")


class Shared(Collector):
    """They only grow, whoever dies; of several servers each tells the same."""

    def __init__(self, workers: Callable[[], Sequence[WorkerSeen]], figures: Callable[[], Figures]) -> None:
        self._workers, self._figures = workers, figures

    def describe(self) -> list[Metric]:
        """Registering asks the database nothing."""
        return [_workers(()), *_told({})]

    def collect(self) -> Iterator[Metric]:
        """Nothing while the database does not answer: the other figures still count."""
        try:
            workers, figures = self._workers(), self._figures()
        except Exception as error:
            _log.warning("The database gives no figures of workers: %s", error)
            return
        yield _workers(workers)
        yield from _told(figures)


def _workers(workers: Sequence[WorkerSeen]) -> GaugeMetricFamily:
    family = GaugeMetricFamily("lookhear_workers", "Processes that work on jobs.", labels=("state",))
    counts = Counter(one.state for one in workers)
    for state in _STATES:
        family.add_metric([state], counts[state])
    return family


def _told(figures: Figures) -> list[Metric]:
    tasks = HistogramMetricFamily(
        "lookhear_shared_inference_seconds", "Time of a task on a medium, in any process.", labels=("task", "model")
    )
    jobs = HistogramMetricFamily(
        "lookhear_shared_job_seconds", "Time of one try at a job, by any worker.", labels=("task_type", "status")
    )
    errors = CounterMetricFamily("lookhear_shared_errors", "Failures by code, in any process.", labels=("code",))
    for family, kind in ((tasks, TASK), (jobs, JOB)):
        for (what, by), buckets in _buckets(figures, kind).items():
            counts = accumulate(one.count for one in buckets)
            bounds = [*map(str, BOUNDS), "+Inf"]
            seconds = sum(one.seconds for one in buckets)
            family.add_metric([what, by], list(zip(bounds, counts, strict=True)), seconds)
    for (code, _), buckets in _buckets(figures, ERROR).items():
        errors.add_metric([code], sum(one.count for one in buckets))
    return [tasks, jobs, errors]


def _buckets(figures: Figures, kind: str) -> dict[tuple[str, str], list[Figure]]:
    """By what is counted, one for each of BOUNDS and one for what is beyond."""
    found: dict[tuple[str, str], list[Figure]] = defaultdict(lambda: [Figure()] * (len(BOUNDS) + 1))
    for key, figure in sorted(figures.items()):
        if key.kind == kind:
            found[key.what, key.by][key.bucket] += figure
    return found
