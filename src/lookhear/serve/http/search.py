"""Find what is like something: words, an upload, a face, a vector, or a medium that is kept."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

from lookhear.serve.http import parts
from lookhear.serve.http.attended import attended
from lookhear.serve.http.gate import still_wanted
from lookhear.serve.http.uploads import Form, Upload, body, is_multipart, read
from lookhear.serve.http.wish import json_of, valid
from lookhear.wiring.search import Bounds, Found, Search

_PART = "file"
_MOST = 1000
Value = StrictStr | StrictInt | StrictBool
Among = Annotated[Literal["images", "faces"], Field(description="What to search.")]
Limit = Annotated[int, Field(ge=1, le=_MOST, description="How many at most.")]
Threshold = Annotated[float | None, Field(ge=-1, le=1, description="How near at least: the cosine.")]
_WRONG: dict[int | str, dict[str, Any]] = {
    409: {"description": "What is kept was made by another model."},
    503: {"description": "The model is not installed, the vectors cannot be reached, or too much is going on."},
    504: {"description": "It takes longer than REQUEST_TIMEOUT."},
}
_NONE: dict[int | str, dict[str, Any]] = {
    404: {"description": "No vector of that medium is kept, or no face is in it."},
    415: {"description": "No media, or of a kind that is not searched by."},
}
router = APIRouter(tags=["search"])


class Bounded(BaseModel):
    """How many, which, and how near. ``filters``: values of a payload's fields; a list stands for any of it."""

    among: Among = "images"
    limit: Limit = 10
    threshold: Threshold = None
    filters: dict[str, Value | list[StrictStr] | list[StrictInt]] | None = None
    face_index: Annotated[int, Field(ge=0, le=999, description="Which face of the medium; the surest is 0.")] = 0

    @property
    def bounds(self) -> Bounds:
        """As the search takes them."""
        return Bounds(self.limit, self.filters, self.threshold)


class Wish(Bounded):
    """Exactly one of ``text``, ``vector`` and ``media_store_id`` says what to look for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "a red car at night", "limit": 5},
                {"media_store_id": "123", "threshold": 0.7},
                {
                    "among": "faces",
                    "media_store_id": "456",
                    "face_index": 0,
                    "filters": {"task_type": "face_embedding"},
                },
            ]
        }
    )

    text: Annotated[str | None, Field(min_length=1, max_length=2000)] = None
    vector: Annotated[list[float] | None, Field(max_length=8192, description="By the model of the collection.")] = None
    media_store_id: Annotated[StrictStr | StrictInt | None, Field(description="A medium whose vector is kept.")] = None

    @model_validator(mode="after")
    def _one(self) -> Wish:
        if sum(one is not None for one in (self.text, self.vector, self.media_store_id)) != 1:
            raise ValueError("give exactly one of text, vector and media_store_id, or upload a file")
        return self


class Hit(BaseModel):
    """``score``: the cosine."""

    id: int
    score: float
    payload: dict[str, Any]


class Model(BaseModel):
    """Which made the vectors."""

    name: str
    version: str


class Hits(BaseModel):
    """The nearest first. ``model``: null where nothing is kept yet."""

    collection: str
    model: Model | None
    hits: list[Hit]


@router.get("/search", response_model=Hits, responses=_WRONG)
async def by_words(
    request: Request,
    q: Annotated[str, Query(min_length=1, max_length=2000, description="What it shows, in words.")],
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 10,
    threshold: Annotated[float | None, Query(ge=-1, le=1)] = None,
) -> Any:
    """Images by words."""
    return await _found(request, Wish(text=q, limit=limit, threshold=threshold))


_FIELDS = {
    name: {"type": "string", "description": about}
    for name, about in {
        "among": "images or faces",
        "limit": "How many at most.",
        "threshold": "How near at least.",
        "filters": "JSON.",
        "face_index": "Which face.",
    }.items()
}


@router.post(
    "/search",
    response_model=Hits,
    responses={**_WRONG, **_NONE},
    openapi_extra=body(Form({_PART: 1}, 0), _FIELDS, Wish.model_json_schema()),
)
async def by_example(request: Request) -> Any:
    """Images or faces by words, a vector or a medium that is kept (JSON), or by an upload (a form)."""
    if not is_multipart(request):
        return await _found(request, valid(Wish, await json_of(request)))
    parts.gate(request).check()  # before the upload
    service = parts.service(request)
    form = Form({_PART: 1}, service.settings.max_upload_bytes)
    uploads = await read(request, form, service.spool)
    asked = valid(Bounded, _fields(dict(uploads.fields)))
    return _shown(await attended(request, _like, service, asked, uploads.file(_PART)))


async def _found(request: Request, wish: Wish) -> dict[str, Any]:
    """Words go through a model, the rest does not take long."""
    service = parts.service(request)
    if wish.text is not None:
        return _shown(await attended(request, _search, service, wish))
    return _shown(await to_thread.run_sync(_search, service, wish))


def _search(service: Any, wish: Wish) -> Found:
    search = Search(service.vectors, service.shelf, wish.among)
    if wish.text is not None:
        return search.words(wish.text, wish.bounds)
    if wish.vector is not None:
        return search.vector(wish.vector, wish.bounds)
    return search.kept(str(wish.media_store_id), wish.bounds, wish.face_index)


def _like(service: Any, asked: Bounded, upload: Upload) -> Found:
    def analyze(tasks: Any, options: Any) -> Any:
        return service.analyze(upload.path, tasks, options, sha256=upload.sha256, progress=still_wanted)

    return Search(service.vectors, service.shelf, asked.among).medium(analyze, asked.bounds, asked.face_index)


def _shown(found: Found) -> dict[str, Any]:
    made = found.made
    return {
        "collection": found.collection,
        "model": made and {"name": made.model, "version": made.version},
        "hits": [{"id": hit.id, "score": hit.score, "payload": hit.payload} for hit in found.hits],
    }


def _fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Those of a form are text; what is left empty counts as not given."""
    fields = {name: value for name, value in fields.items() if value != ""}
    if "filters" in fields:
        with suppress(ValueError, RecursionError):  # it is told as being of the wrong type
            fields["filters"] = json.loads(fields["filters"])
    return fields
