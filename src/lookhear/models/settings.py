"""Where models are kept and how much they may take."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from lookhear.models.devices import processors


@dataclass(frozen=True)
class ModelSettings:
    """Each is a setting of the same name, in capitals."""

    model_cache_dir: Path | None = None  #: the store; default: lookhear/models in the user's cache folder
    model_mirror: str | None = None  #: a folder or URL that is asked before all other sources
    model_catalogue: Path | None = None  #: a models.yml with cards of one's own
    model_auto_pull: bool = False  #: fetch what a task lacks without being asked
    commercial_only: bool = False  #: leave out models that may not be used commercially
    use_gpu: bool = True
    require_gpu: bool = False
    gpu_concurrency: int = 2  #: runs on the GPU at the same time
    max_batch_size: int = 8  #: rows that callers at the same time share in one run
    model_threads: int | None = None  #: per run on the processor; default: those the container may use
    model_memory_mb: int = 4096  #: models that would take more together make room for one another
    model_idle_seconds: float = 300.0  #: one that nobody used for so long is unloaded; 0: never
    model_precision: Literal["auto", "float32", "float16", "int8"] = "auto"

    @property
    def store_folder(self) -> Path:
        """Where installed models lie."""
        if self.model_cache_dir is not None:
            return self.model_cache_dir.expanduser()
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        return Path(cache) / "lookhear" / "models"

    def shared_by(self, processes: int) -> Self:
        """For one of several processes on this machine: its share of the processors and of the memory for models."""
        share = max(1, processes)
        threads = self.model_threads or max(1, processors() // share)
        return dataclasses.replace(self, model_threads=threads, model_memory_mb=self.model_memory_mb // share)
