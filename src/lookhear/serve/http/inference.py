"""Inference on films, of which nothing is kept: one path for each kind, over one way.

A film is a file under MEDIA_ROOTS or an upload, which is gone when the answer is out.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request

from lookhear.contracts import inference as contract
from lookhear.contracts.inference import Config, Inference
from lookhear.contracts.inference_answers import answer
from lookhear.contracts.inference_examples import EXAMPLES
from lookhear.contracts.model_names import Known
from lookhear.serve.http import parts, uploads
from lookhear.serve.http.attended import answered_as, attended, room
from lookhear.serve.http.digests import digest
from lookhear.serve.http.gate import still_wanted
from lookhear.serve.http.paths import resolve
from lookhear.serve.http.scratch import Lenient, scratch
from lookhear.serve.http.uploads import Form
from lookhear.serve.http.wish import json_of, valid

_PART = "file"
_HASH = "input_hash"
_WRONG: dict[int | str, dict[str, Any]] = {
    400: {"description": "There is no such file, or its hash is another one."},
    403: {"description": "The path lies outside MEDIA_ROOTS."},
    415: {"description": "No media, or of another kind than it is about."},
    422: {"description": "A field is wrong, there is no such model, or nothing in the file can be read."},
    503: {
        "description": "The model is not installed, and `detail` has the command that gets it; or too much is going on."
    },
    504: {"description": "It takes longer than JOB_TIMEOUT."},
}
router = APIRouter(prefix="/infer", tags=["inference"])


@dataclass(frozen=True)
class _Film:
    """What was asked for. ``input_hash``: that it must have."""

    path: Path
    config: Config
    input_hash: str | None


def _door(path: str, one: Inference) -> Callable[[Request], Awaitable[dict[str, Any]]]:
    async def infer(request: Request) -> dict[str, Any]:
        service = parts.service(request)
        with answered_as(contract.STATUSES):
            async with scratch(service.settings) as spool:
                film = await _film(request, one, spool)
                patience = service.settings.job_timeout  # its clients wait for films of hours
                return await attended(request, _infer, service, path, film, seconds=patience)

    return infer


async def _film(request: Request, one: Inference, spool: Lenient) -> _Film:
    settings = parts.service(request).settings
    if uploads.is_multipart(request):
        found = await uploads.read(request, Form({_PART: 1}, settings.max_upload_bytes), spool)
        config = valid(one.form, _typed(one.form, dict(found.fields)))
        return _Film(found.file(_PART).path, config, found.fields.get(_HASH) or None)
    wish: Any = valid(one.request, await json_of(request))
    path = await to_thread.run_sync(resolve, wish.video_path, settings)
    return _Film(path, wish, wish.input_hash)


def _infer(service: Any, path: str, film: _Film) -> dict[str, Any]:
    ask = contract.ask(path, film.config, _known(service))
    sums = digest(film.path, service.settings)
    if sums is not None:  # else the engine says why
        contract.check_hash(film.input_hash, sums.xxh64)
    sha256 = sums.sha256 if sums else None
    report = service.analyze(film.path, ask.tasks, ask.options, sha256=sha256, progress=still_wanted)
    return answer(path, film.config, report)


def _known(service: Any) -> Known:
    shelf = service.shelf
    return Known(shelf.catalogue.cards, tuple(one.card for one in shelf.store.all().values()))


def _typed(kind: type[Config], fields: dict[str, str]) -> dict[str, Any]:
    """Fields of a form are text: an empty one or "null" is none, and a list is JSON or parted by commas."""
    typed: dict[str, Any] = {}
    for name, text in fields.items():
        known = kind.model_fields.get(name)
        typed[name] = None if text.strip() in ("", "null") else text
        if known is not None and isinstance(known.get_default(call_default_factory=True), list):
            typed[name] = _listed(text)
    return typed


def _listed(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip().startswith("[") else [one.strip() for one in text.split(",")]
    except (ValueError, RecursionError):
        return text


def _body(one: Inference) -> dict[str, Any]:
    plain = one.request.model_json_schema()
    fields = {name: about for name, about in plain["properties"].items() if name not in ("video_path",)}
    return uploads.body(Form({_PART: 1}, 0), fields, plain)


for _path, _one in contract.INFERENCES.items():
    router.add_api_route(
        f"/{_path}",
        _door(_path, _one),
        methods=["POST"],
        dependencies=[Depends(room)],
        name=f"infer_{_path}",
        summary=f"Infer {_path}",
        description=(_one.form.__doc__ or "").strip(),
        response_model=None,
        responses={
            200: {"content": {"application/json": {"schema": {"type": "object"}, "example": EXAMPLES[_path]}}},
            **_WRONG,
        },
        openapi_extra=_body(_one),
    )
