"""What an earlier run knows: a file is done again only where its journal lacks an answer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from lookhear.analysis.batch import file_digest
from lookhear.analysis.ledger import Ledger
from lookhear.analysis.plan import Options, hears, make_plan
from lookhear.media.objects import is_object
from lookhear.models.shelf import Shelf


def earlier(
    ledger: Ledger,
    path: str,
    names: Sequence[str] | None,
    options: Options | None = None,
    shelf: Shelf | None = None,
) -> tuple[dict[str, Any], bool] | None:
    """What the journal holds of these bytes, for these tasks with these options, and whether under this very name."""
    if not ledger.known or not (os.path.isfile(path) or is_object(path)):
        return None
    digest = file_digest(path)
    if digest is None:
        return None
    kind, silent = ledger.kind(digest.sha256) or "audio", ledger.silent(digest.sha256)
    steps = [step for step in make_plan(kind, names, options, shelf=shelf).steps if step.asked]
    wanted = frozenset(
        (step.task.name, step.config_hash) for step in steps if not (silent and hears(step.task, kind))
    )  # of a film without sound no run will ever know more
    return ledger.lookup(path, digest.sha256, wanted)
