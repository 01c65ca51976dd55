"""A service as it is put together, without its doors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from lookhear.settings import Settings
from lookhear.wiring.service import Service


@contextmanager
def stocked(folder: Path, **settings: Any) -> Iterator[Service]:
    """With a worker, and the picture 'teal' in the media store."""
    (folder / "media").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), "teal").save(folder / "media" / "teal.png")
    service = Service(Settings(storage_dir=folder, max_workers=1, worker_max_retries=0, **settings))
    service.open()
    service.start_workers()
    try:
        yield service
    finally:
        service.stop_workers()
        service.close()
