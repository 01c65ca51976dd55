"""Captions of images, and what they look like: one image, or several at once.

Bytes decide what an image is, not names or labels. Nothing of an upload is left when the answer is out; the same bytes are
answered from what is kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request

from lookhear.analysis.plan import make_plan
from lookhear.analysis.report import Report
from lookhear.contracts import captions as contract
from lookhear.errors import InputError, LimitExceeded, WrongMedium
from lookhear.media.canvas import fitted_jpeg
from lookhear.media.medium import Medium, open_medium
from lookhear.models.devices import CUDA, gpu, preferred
from lookhear.models.runtimes.transformers import gpu_memory
from lookhear.serve.http import parts, uploads
from lookhear.serve.http.attended import answered_as, attended, room, while_there
from lookhear.serve.http.captions_told import Batch, Generated, ModelInfo, Processed
from lookhear.serve.http.gate import still_wanted
from lookhear.serve.http.scratch import Lenient, scratch
from lookhear.serve.http.uploads import Form, Upload
from lookhear.settings import Settings

_IMAGE, _IMAGES = "image", "images"
_SETTING = "MAX_IMAGE_SIZE"
_WRONG: dict[int | str, dict[str, Any]] = {
    400: {"description": "No image, too large, or damaged; `detail` says which."}
}
_NO_MODEL: dict[int | str, dict[str, Any]] = {
    503: {
        "description": "No model for captions is installed, and `detail` has the command that gets one; or too much is "
        "going on."
    },
    504: {"description": "It takes longer than REQUEST_TIMEOUT."},
}
_log = logging.getLogger(__name__)
router = APIRouter(tags=["captions"])


@dataclass(frozen=True)
class _Several(Form):
    """One of several that is too large costs only itself; all together are bounded as if none were."""

    max_all: int = 0

    @property
    def max_body(self) -> int:
        """Bytes of the whole body."""
        return Form(self.files, self.max_all // max(1, sum(self.files.values()))).max_body


@router.post(
    "/caption/generate",
    dependencies=[Depends(room)],
    response_model=Generated,
    responses={**_WRONG, **_NO_MODEL},
    openapi_extra=uploads.body(Form({_IMAGE: 1}, 0)),
)
async def generate(request: Request) -> Any:
    """A sentence about an image."""
    began, service = time.perf_counter(), parts.service(request)
    with answered_as(contract.STATUSES):
        async with scratch(service.settings) as spool:
            upload = await _one(request, spool)
            report = await attended(request, _captioned, service, upload)
            told = contract.generated(report, upload.filename, total_seconds=time.perf_counter() - began)
    _tell(upload, told["caption"], time.perf_counter() - began)
    return told


@router.post(
    "/caption/batch",
    dependencies=[Depends(room)],
    response_model=Batch,
    response_model_exclude_unset=True,
    responses={**_WRONG, **_NO_MODEL},
    openapi_extra=uploads.body(Form({_IMAGES: contract.MOST}, 0)),
)
async def batch(request: Request) -> Any:
    """A sentence about each of up to ten images; one that is none has `error` in its place."""
    began, service = time.perf_counter(), parts.service(request)
    most: int = service.settings.max_image_size
    form = _Several({_IMAGES: contract.MOST}, most * contract.MOST, _SETTING, max_all=most * contract.MOST)
    with answered_as(contract.STATUSES):
        async with scratch(service.settings) as spool:
            images = (await uploads.read(request, form, spool)).files[_IMAGES]
            contract.check_batch(len(images))
            items = await while_there(request, _items(request, images))
    return contract.batch(items, time.perf_counter() - began)


async def _items(request: Request, images: tuple[Upload, ...]) -> list[dict[str, Any]]:
    """All at once: what the model is free for goes into one run."""
    doing = [asyncio.ensure_future(_item(request, upload, index)) for index, upload in enumerate(images)]
    try:
        return list(await asyncio.gather(*doing))
    finally:
        for one in doing:
            one.cancel()


async def _item(request: Request, upload: Upload, index: int) -> dict[str, Any]:
    began, service = time.perf_counter(), parts.service(request)
    outcome: Report | InputError
    try:
        outcome = await parts.gate(request).run(_captioned, service, upload)
    except InputError as error:
        outcome = error
    told = contract.item(outcome, upload.filename, index)
    if "caption" in told:
        _tell(upload, told["caption"], time.perf_counter() - began)
    return told


@router.post(
    "/image/process",
    dependencies=[Depends(room)],
    response_model=Processed,
    responses=_WRONG,
    openapi_extra=uploads.body(Form({_IMAGE: 1}, 0)),
)
async def process(request: Request) -> Any:
    """An image's colours, and how large it is as models for captions see it."""
    began, service = time.perf_counter(), parts.service(request)
    with answered_as(contract.STATUSES):
        async with scratch(service.settings) as spool:
            upload = await _one(request, spool)
            report, jpeg = await attended(request, _processed, service, upload)
            return contract.processed(report, jpeg, upload.filename, total_seconds=time.perf_counter() - began)


@router.get("/model/info", response_model=ModelInfo, response_model_exclude_unset=True)
async def model_info(request: Request) -> Any:
    """Which model captions are by, and where it runs. Loads nothing."""
    return await to_thread.run_sync(_model_info, parts.service(request))


async def _one(request: Request, spool: Lenient) -> Upload:
    form = Form({_IMAGE: 1}, parts.service(request).settings.max_image_size, _SETTING)
    return (await uploads.read(request, form, spool)).file(_IMAGE)


def _captioned(service: Any, upload: Upload) -> Report:
    """Raises InputError for what is no image of a size that is allowed."""
    with _image(service.settings, upload):
        return _report(service, upload, contract.CAPTION)


def _processed(service: Any, upload: Upload) -> tuple[Report, bytes]:
    settings: Settings = service.settings
    with _image(settings, upload) as medium:
        pixels = medium.picture().pixels
    jpeg = fitted_jpeg(pixels, settings.target_image_width, settings.target_image_height)
    return _report(service, upload, contract.PROCESS), jpeg


@contextmanager
def _image(settings: Settings, upload: Upload) -> Iterator[Medium]:
    """It is one: sound or a film would be gone through to its end."""
    if upload.size > settings.max_image_size:
        raise LimitExceeded(
            f"It is larger than the {settings.max_image_size} bytes allowed. Raise {_SETTING} if that is meant to be."
        )
    with open_medium(str(upload.path), settings) as medium:
        if medium.probe.picture is None:
            raise WrongMedium(f"This is {medium.probe.kind}, not an image. Send JPEG, PNG, WebP or another image.")
        yield medium


def _report(service: Any, upload: Upload, door: str) -> Report:
    ask = contract.ask(door)
    found: Report = service.analyze(upload.path, ask.tasks, ask.options, sha256=upload.sha256, progress=still_wanted)
    return found


def _model_info(service: Any) -> dict[str, Any]:
    settings: Settings = service.settings
    ask = contract.ask(contract.CAPTION)
    models = [
        model for step in make_plan("image", ask.tasks, shelf=service.shelf).steps for model in step.models.values()
    ]
    if not models:
        return contract.model_info(status="missing", model_name=None, device=preferred(settings), dtype=None)
    card = models[0].card
    loaded = [one for one in service.shelf.sessions.status() if (one.name, one.version) == (card.name, card.version)]
    device = loaded[0].device if loaded else preferred(settings)
    there = gpu() if device == CUDA else None
    return contract.model_info(
        status="loaded" if loaded else "installed",
        model_name=card.name,
        device=device,
        dtype=loaded[0].precision if loaded else None,
        gpu=contract.Gpu(there.name, *gpu_memory()) if there else None,
    )


def _tell(upload: Upload, caption: str, seconds: float) -> None:
    facts = {"image_hash": upload.sha256[:16], "caption_length": len(caption), "duration_ms": round(seconds * 1000, 3)}
    _log.info("Caption generated", extra=facts)
