"""Every contract is a module that exposes ``router``; what is listed here is served."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from fastapi import APIRouter

DOORS = (
    "home",
    "metrics",
    "analyze",
    "tasks",
    "captions",
    "inference",
    "jobs",
    "events",
    "admin",
    "tagging",
    "analyzer",
    "search",
)
TAGS = {
    "service": "What there is and how it is.",
    "analysis": "Any tasks on any medium.",
    "captions": "Sentences about images, and their colours.",
    "inference": "Objects, faces, speech, text, places and scenes of films; nothing is kept.",
    "jobs": "Requests that are kept, queued by priority and worked on one by one.",
    "events": "What happens to jobs, as server-sent events.",
    "admin": "Figures and tidying up, for administrators.",
    "tagging": "Tags for audio and video.",
    "analyzer": "Models and figures of the analyzer.",
    "search": "Find media by example, words or faces.",
}


def routers() -> Iterator[APIRouter]:
    """One for each door, in this order, and the page."""
    for name in DOORS:
        yield import_module(f"lookhear.serve.http.{name}").router
    yield import_module("lookhear.serve.page.site").router
