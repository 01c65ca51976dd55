"""Which vector store and which media store the settings mean."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from lookhear.errors import VectorsUnavailable
from lookhear.jobs.spool import Spool
from lookhear.outlets.collections import SIZES, Collection
from lookhear.outlets.media_store import MediaStore, MediaStoreClient
from lookhear.outlets.vectors import Vectors
from lookhear.settings import Settings

if TYPE_CHECKING:
    from lookhear.wiring.service import Service

_SHA256 = 64  # hexadecimal digits


def vectors(settings: Settings) -> Vectors:
    """A Qdrant server where one is named, else a folder. Raises VectorsUnavailable."""
    if settings.qdrant_url:
        from lookhear.outlets.server import connect

        return connect(settings.qdrant_url, settings.qdrant_api_key)
    from lookhear.outlets.shared import SharedVectors

    return SharedVectors(settings.storage_dir / "vectors")


def media_store(settings: Settings, spool: Spool) -> MediaStore:
    """The one that has a URL; else, or where MEDIA_STORE_STUB says so, a folder of this machine and uploads."""
    if not in_a_folder(settings):
        return MediaStoreClient(settings)
    from lookhear.outlets.media_folder import MediaFolder

    folder = settings.media_store_folder or settings.storage_dir / "media"
    return MediaFolder(folder, lambda media_id: upload_named(spool, media_id))


def in_a_folder(settings: Settings) -> bool:
    """Do ids of media name files of this machine?"""
    return not settings.media_store_url or settings.media_store_stub


def upload_named(spool: Spool, media_id: str) -> Path | None:
    """The upload whose sum it is, if it is there."""
    hexadecimal = len(media_id) == _SHA256 and set(media_id) <= set("0123456789abcdef")
    return spool.find(media_id) if hexadecimal else None


def forget_vectors(service: Service, job_id: str) -> None:
    """Those that a job put. Where there never were any, nothing is opened for it."""
    settings = service.settings
    if settings.qdrant_url is None and not (settings.storage_dir / "vectors").is_dir():
        return
    with contextlib.suppress(VectorsUnavailable):
        for name in SIZES:
            Collection(service.vectors, name).delete({"job_id": job_id})
