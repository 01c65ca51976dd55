"""Figures for Prometheus: requests, jobs, inference, memory, errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from lookhear.serve.http import parts

if TYPE_CHECKING:
    from lookhear.analysis.report import Report
    from lookhear.serve.http.parts import Stats

_CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SLOW = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1200.0)
_log = logging.getLogger(__name__)


class Metrics:
    """``registry`` takes collectors of others, too."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "lookhear_http_requests", "Answers.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "lookhear_http_request_seconds",
            "Until the last byte.",
            ("method", "route"),
            buckets=_FAST,
            registry=self.registry,
        )
        self.in_flight = Gauge("lookhear_http_requests_in_flight", "Requests being answered.", registry=self.registry)
        self.errors = Counter("lookhear_errors", "Failures by code.", ("code",), registry=self.registry)
        self.inference = Histogram(
            "lookhear_inference_seconds",
            "Time of a task on a medium.",
            ("task", "model"),
            buckets=_SLOW,
            registry=self.registry,
        )

    def observe(self, report: Report) -> None:
        """What a report took, and what failed in it."""
        models = {found.task: model.name for found in report.findings for model in found.provenance.models[:1]}
        for task, seconds in report.timings.items():
            self.inference.labels(task, models.get(task, "none")).observe(seconds)
        for failure in report.errors:
            self.errors.labels(failure.code).inc()

    def watch_jobs(self, stats: Callable[[], Stats]) -> None:
        """Queue depth and jobs by state, asked when figures are."""
        self.registry.register(_Jobs(stats))


class _Jobs(Collector):
    def __init__(self, stats: Callable[[], Stats]) -> None:
        self._stats = stats

    def describe(self) -> list[GaugeMetricFamily]:
        """Registering asks the store nothing."""
        return [GaugeMetricFamily("lookhear_queue_size", ""), GaugeMetricFamily("lookhear_jobs", "")]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Nothing while the store does not answer: the other figures still count."""
        try:
            stats = self._stats()
        except Exception as error:
            _log.warning("The job store gives no figures: %s", error)
            return
        yield GaugeMetricFamily("lookhear_queue_size", "Jobs that wait.", value=stats.queue_size)
        jobs = GaugeMetricFamily("lookhear_jobs", "Jobs by state.", labels=("status",))
        for status, count in stats.by_status.items():
            jobs.add_metric([str(status)], count)
        yield jobs


router = APIRouter(tags=["service"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    return Response(generate_latest(parts.metrics(request).registry), headers={"Content-Type": _CONTENT_TYPE})
