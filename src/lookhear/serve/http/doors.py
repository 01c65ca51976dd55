"""Every contract is a module that exposes ``router``; what is listed here is served."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from fastapi import APIRouter

DOORS = (
    "home",
    "metrics",
)
TAGS = {
    "service": "What there is and how it is.",
}


def routers() -> Iterator[APIRouter]:
    """One for each door, in this order, and the page."""
    for name in DOORS:
        yield import_module(f"lookhear.serve.http.{name}").router
    yield import_module("lookhear.serve.page.site").router
