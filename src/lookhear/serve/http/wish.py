"""What is asked of /analyze: a file on this machine, and what to find out about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, Json, TypeAdapter, ValidationError, model_validator

T = TypeVar("T", bound=BaseModel)
Names = Annotated[list[str] | None, Field(description="Tasks, as GET /tasks lists them; null: all that fit.")]
Chosen = Annotated[dict[str, dict[str, Any]], Field(description="Options by task, as GET /tasks has their schemas.")]
FIELDS = {
    "tasks": {"type": "string", "description": "Parted by commas, or a JSON list. Left out: all that fit."},
    "options": {"type": "string", "contentMediaType": "application/json", "description": "Options by task, as JSON."},
}


class Wish(BaseModel):
    """A file of the server or an address: exactly one of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"path": "/media/song.mp3"}]})

    path: str | None = Field(None, description="A file under MEDIA_ROOTS.")
    url: str | None = Field(
        None, description="An http(s) address, where ALLOW_URLS is set, or s3://… below one of the OBJECT_PREFIXES."
    )
    tasks: Names = None
    options: Chosen = {}

    @model_validator(mode="after")
    def _one_source(self) -> Wish:
        if (self.path is None) == (self.url is None):
            raise ValueError("give either 'path' or 'url', or send the file as multipart/form-data")
        return self


class Fields(BaseModel):
    """What may come beside an uploaded file."""

    tasks: Names = None
    options: Json[Chosen] = {}

    @model_validator(mode="before")
    @classmethod
    def _parted(cls, given: dict[str, str]) -> dict[str, Any]:
        named, options = given.get("tasks", "").strip(), given.get("options", "").strip()
        names: list[str] | None = [name.strip() for name in named.split(",")] if named else None
        if named.startswith("["):
            names = TypeAdapter(Json[list[str]]).validate_python(named)
        return {"tasks": names, **({"options": options} if options else {})}


@dataclass(frozen=True)
class Asked:
    """``file``: what a job keeps of it."""

    path: Path
    name: str
    tasks: list[str] | None
    options: dict[str, dict[str, Any]]
    file: dict[str, Any]
    sha256: str | None = None


def valid(kind: type[T], given: Any) -> T:
    """``given`` as ``kind``. Raises RequestValidationError, in the shape that FastAPI gives it."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in told]) from error


async def json_of(request: Request) -> Any:
    """The body. Raises RequestValidationError for what is no JSON."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        message = "Send JSON, or a file as multipart/form-data."
        raise RequestValidationError(
            [{"type": "json_invalid", "loc": ("body",), "msg": message, "input": {}}]
        ) from error
