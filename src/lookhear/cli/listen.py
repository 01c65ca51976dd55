"""``lookhear listen``: one JSON line per moment on standard output."""

from __future__ import annotations

import json
import sys

from lookhear.analysis.codec import plain
from lookhear.cli.asked import task_names, task_options
from lookhear.settings import load_settings
from lookhear.wiring import listen


def run(source: str, tasks: str | None, options: list[str], every: float, window: float) -> None:
    """Until the source ends."""
    moments = listen(
        source, task_names(tasks), task_options(options), every=every, window=window, limits=load_settings()
    )
    for moment in moments:
        sys.stdout.write(json.dumps(plain(moment), ensure_ascii=False) + "\n")
        sys.stdout.flush()
