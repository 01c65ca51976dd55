"""What can be found out, with which options, and what the answers look like."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lookhear.analysis.codec import schema
from lookhear.analysis.plan import make_plan
from lookhear.serve.http import parts
from lookhear.tasks.catalogue import AnyTask, all_tasks

router = APIRouter(tags=["analysis"])


class TaskTold(BaseModel):
    """One task, for some kinds of media; of one name there may be several."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "colors",
                    "version": "1",
                    "summary": "dominant colours, brightness, contrast",
                    "kinds": ["image"],
                    "default": True,
                    "ready": True,
                    "lacks": [],
                    "options": {"type": "object", "properties": {"count": {"type": "integer", "default": 6}}},
                }
            ]
        }
    )

    name: str
    version: str
    summary: str
    kinds: list[str]
    default: bool = Field(description="It runs when no tasks are named.")
    ready: bool = Field(description="All models that it takes are installed.")
    lacks: list[str] = Field(description="What models are missing for.")
    options: dict[str, Any] = Field(description="JSON Schema of its options.")


class Tasks(BaseModel):
    """By name."""

    tasks: list[TaskTold]


@router.get("/tasks", response_model=Tasks)
def tasks(request: Request) -> Any:
    """Tasks, their options, and whether they can run here."""
    shelf = parts.service(request).shelf
    return {"tasks": [_told(task, shelf) for task in all_tasks()]}


def _told(task: AnyTask, shelf: Any) -> dict[str, Any]:
    kinds = sorted(task.kinds)
    steps = make_plan(kinds[0], [task.name], shelf=shelf).steps
    lacks = sorted({want.role for step in steps for want in step.lacks})
    facts = {"name": task.name, "version": task.version, "summary": task.summary, "kinds": kinds}
    return {**facts, "default": task.default, "ready": not lacks, "lacks": lacks, "options": _options(task)}


@lru_cache(maxsize=256)
def _options(task: AnyTask) -> dict[str, Any]:
    found: dict[str, Any] = TypeAdapter(task.Options).json_schema()
    return {**found, "additionalProperties": False}


@router.get(
    "/schema",
    response_class=JSONResponse,
    responses={200: {"content": {"application/schema+json": {"schema": {"type": "object"}}}}},
)
def report_schema() -> JSONResponse:
    """JSON Schema (2020-12) of reports."""
    return JSONResponse(_schema(), media_type="application/schema+json")


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return schema()
