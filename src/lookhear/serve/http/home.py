"""The front step: what this is, how it is, where the rest lies."""

from __future__ import annotations

from typing import Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict

from lookhear.serve.http import parts
from lookhear.version import __version__

router = APIRouter(tags=["service"])


class Memory(BaseModel):
    """Of this process, and what there is."""

    used_mb: float
    total_mb: float
    percentage: float


class Health(BaseModel):
    """How the service is; always 200."""

    model_config = ConfigDict(protected_namespaces=())

    status: Literal["healthy", "starting", "degraded", "unhealthy"]
    version: str
    uptime_seconds: float
    timestamp: float
    models_loaded: int
    models: list[str]
    model_loaded: bool
    queue_size: int
    processing_active: bool
    database: Literal["connected", "error"]
    worker: str
    amqp: Literal["connecting", "connected", "lost"] | None = None  #: left out where no broker is named
    gpu_available: bool
    gpu_device_name: str | None
    gpu_memory_total_mb: float | None
    gpu_memory_used_mb: float | None
    memory_usage: Memory
    mqtt: Literal["connected", "connecting", "down"] | None = None  #: there with BROADCAST_TYPE=mqtt
    redis: Literal["connected", "full", "down"] | None = None  #: there with REDIS_URL


@router.get("/", response_model=None, responses={307: {"description": "To the page, for browsers."}})
async def home(request: Request) -> Response:
    """What this service is and where its doors are."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(request.app.url_path_for("page"))
    return JSONResponse(
        {
            "service": "lookhear",
            "message": "Looks at images, listens to audio, watches video, and answers with metadata you can search.",
            "version": __version__,
            "status": "running",
            "endpoints": await to_thread.run_sync(_endpoints, request),  # the schema takes a while, the first time
        }
    )


def _endpoints(request: Request) -> dict[str, str]:
    """Path: methods and what they do, for each that the schema has."""
    told: dict[str, str] = {}
    for path, operations in request.app.openapi()["paths"].items():
        said = [f"{method.upper()}: {about.get('summary', '')}" for method, about in operations.items()]
        told[path] = "; ".join(said)
    return told


@router.get("/health", response_model=None, responses={200: {"model": Health}})
async def health(request: Request) -> Response:
    """How the service is. Loads nothing."""
    content: dict[str, Any] = await request.app.state.pulse.health()
    return JSONResponse(content)


@router.get("/health/live", response_model=None)
async def live() -> Response:
    """The process answers."""
    return JSONResponse({"status": "alive"})


@router.get("/health/ready", response_model=None, responses={503: {"description": "Send no requests now."}})
async def ready(request: Request) -> Response:
    """May requests be sent here?"""
    running = parts.running(request)
    if running.stopping.is_set():
        return _not_ready("it stops")
    facts = await request.app.state.pulse.facts(wait=2.0)
    return JSONResponse({"status": "ready"}) if facts.ready else _not_ready(facts.why)


def _not_ready(why: str) -> Response:
    return JSONResponse({"status": "not ready", "reason": why}, 503, {"Retry-After": "1"})
