"""Where jobs are kept and how they are worked on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class JobSettings:
    """Each is a setting of the same name, in capitals."""

    storage_dir: Path = Path("lookhear-data")  #: the database unless it has a URL, uploads, result files, vectors
    database_url: str | None = None  #: sqlite:///path or postgresql://…; default: SQLite in STORAGE_DIR
    max_workers: int = 2  #: jobs at the same time in one process
    worker_mode: Literal["threads", "processes"] = "threads"  #: processes: a decoder that crashes costs one job
    worker_max_retries: int = 3  #: tries after the first, where trying again may help
    worker_retry_seconds: float = 5.0  #: before the first of them; each waits twice as long as the one before
    worker_poll_interval: float = 1.0  #: s; a waiting worker is woken anyhow, this is for what went unheard
    worker_lease_seconds: float = 30.0  #: a worker that is not heard of for so long has lost its job
    job_timeout: float = 3600.0  #: s that one job may take
    max_queue: int = 100_000  #: jobs that may wait; beyond it 503
    max_upload_bytes: int = 2 << 30  #: of one upload
    result_ttl: float = 7 * 86400.0  #: s that results of tagging, cached answers, and uploads after jobs stay
    event_ttl: float = 3600.0  #: s that events can be read again
