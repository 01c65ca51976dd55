"""How an analysis is spread over machines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScaleSettings:
    """Each is a setting of the same name, in capitals."""

    ray_actor_cpus: float = 1.0  #: processors that one actor is given, and threads its models may use
    ray_actor_gpus: float = 1.0  #: GPUs of one actor where USE_GPU is set and the cluster has any; 0.25: four share one
    ray_block: int = 256  #: rows of one Parquet file; what a broken run may have to do again
    ray_batch: int = 8  #: files that an actor is given at a time
