"""The app: all doors over one service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from lookhear.models.devices import processors
from lookhear.serve.http import problems
from lookhear.serve.http.auth import Gatekeeper, Guard
from lookhear.serve.http.described import App
from lookhear.serve.http.doors import TAGS, routers
from lookhear.serve.http.gate import Gate
from lookhear.serve.http.heads import Heads
from lookhear.serve.http.health import Pulse
from lookhear.serve.http.ids import HEADER
from lookhear.serve.http.journal import Journal, Net
from lookhear.serve.http.limits import BodyLimit
from lookhear.serve.http.metrics import Metrics
from lookhear.serve.http.parts import Service
from lookhear.serve.http.running import Beside, Doorstep, Running
from lookhear.serve.http.shared import Shared
from lookhear.version import __version__

_EXPOSED = [HEADER, "Retry-After", "WWW-Authenticate", "Location"]
_ABOUT = """Looks at images, listens to audio, watches video, and answers with metadata you can search.

Every failure is a problem (RFC 9457): `detail` is a sentence that says what to do, `code` is for machines, and `request_id`
is in the log. A request that fails validation gets 422 with a list in `detail`."""


def create_app(service: Service, *, workers: bool = True) -> FastAPI:
    """An app that opens ``service`` when it starts, with workers for jobs unless not, and closes it when it stops.

    Raises InvalidSettings for a key that is none, or an address of a broker that is none.
    """
    running, metrics = Running(service, workers, beside(service)), Metrics()
    guard = Guard(service.settings)
    gate = Gate(service.settings, processors())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.on_report.append(metrics.observe)
        try:
            async with running.around():
                yield
        finally:
            gate.close()
            await running.close()
            service.on_report.remove(metrics.observe)

    app = App(
        title="Lookhear",
        summary="Metadata of images, audio and video.",
        description=_ABOUT,
        version=__version__,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/", "description": "This service."}],
        openapi_tags=[{"name": name, "description": about} for name, about in TAGS.items()],
        lifespan=lifespan,
    )
    app.state.service, app.state.running, app.state.metrics = service, running, metrics
    app.state.guard, app.state.gate, app.state.pulse = guard, gate, Pulse(service, running)
    metrics.watch_jobs(lambda: service.jobs.stats())
    metrics.registry.register(Shared(lambda: service.jobs.workers(), lambda: service.jobs.figures()))
    problems.install(app)
    for router in routers():
        app.include_router(router)
    _wrap(app)
    return app


def beside(service: Any) -> dict[str, Beside]:
    """Doors that are not HTTP, by name."""
    if not service.settings.amqp_connection_string:
        return {}
    from lookhear.serve.amqp.consumer import Consumer

    return {"amqp": Consumer(service)}


def _wrap(app: FastAPI) -> None:
    """From the innermost to the outermost."""
    app.add_middleware(Heads)
    app.add_middleware(BodyLimit)
    app.add_middleware(Doorstep, running=app.state.running)
    app.add_middleware(Gatekeeper, guard=app.state.guard)
    app.add_middleware(Net)
    origins = [origin.strip() for origin in app.state.service.settings.cors_origins.split(",") if origin.strip()]
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD"],
            allow_headers=["*"],
            expose_headers=_EXPOSED,
        )
    app.add_middleware(Journal, metrics=app.state.metrics)
