"""``lookhear index``: makes pictures and films be found by ``lookhear search``; a second run does only what is new."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import typer

from lookhear.analysis.batch import file_digest
from lookhear.analysis.codec import from_json
from lookhear.analysis.report import Refusal, Report
from lookhear.cli.analyze import answers_to
from lookhear.cli.asked import expand, plain_paths
from lookhear.cli.progress import files_bar
from lookhear.contracts.indexed import PICTURES
from lookhear.errors import WrongMedium
from lookhear.models.shelf import shelf_for
from lookhear.settings import Settings, load_settings
from lookhear.wiring.index import Index
from lookhear.wiring.stores import vectors


def run(paths: list[str], workers: int, timeout: float | None, quiet: bool, prune: bool) -> int:
    """The exit code: 0, or 3 when a file was refused."""
    if timeout is not None and not 0 < timeout < math.inf:
        raise typer.BadParameter("Give a number of seconds above 0.", param_hint="--timeout")
    if any(path == "-" or ("://" in path and not Path(path).exists()) for path in paths):
        raise typer.BadParameter("Only files and folders of this machine can be found again.", param_hint="PATH")
    if prune and (gone := next((path for path in plain_paths(paths) if not Path(path).exists()), None)):
        raise typer.BadParameter(
            f"{gone} is not there: is a disk away? Nothing was forgotten. Name folders that are there, "
            "such as the one above it.",
            param_hint="PATH",
        )
    settings = load_settings()
    files = _files(paths, settings.storage_dir.resolve())
    if not files:
        raise typer.BadParameter("There is no file in it.", param_hint="PATH")
    store = vectors(settings)
    try:
        index = Index(store, shelf_for(settings))
        count, refused = _indexed(index, files, settings, workers, timeout, quiet)
        count["gone"] = index.prune(plain_paths(paths), files) if prune else 0
    finally:
        store.close()
    for path, why in refused:
        typer.echo(f"{path}: {why}", err=True)
    if not quiet:
        _tell(count, settings)
    return 3 if refused else 0


def _files(paths: list[str], own: Path) -> list[str]:
    """All that is named; what we keep ourselves only where a path names that."""

    def ours(path: str) -> bool:
        return Path(path).resolve().is_relative_to(own)

    expanded = [found for path in paths for found in expand([path]) if ours(path) or not ours(found)]
    return list(dict.fromkeys(expanded))


def _indexed(
    index: Index, files: list[str], settings: Settings, workers: int, timeout: float | None, quiet: bool
) -> tuple[Counter[str], list[tuple[str, str]]]:
    """How many of each outcome, and what was refused with the reason."""
    count: Counter[str] = Counter()
    refused: list[tuple[str, str]] = []
    with files_bar(len(files), quiet) as done:
        fresh = []
        for path in files:
            digest = file_digest(path, settings)
            if digest is None or not index.known(path, digest.sha256):
                fresh.append(path)
                continue
            count["known"] += 1
            done(path)
        for path, line in answers_to(fresh, index.tasks, {}, workers, timeout) if fresh else ():
            outcome, why = _put(index, path, from_json(line))
            count[outcome] += 1
            refused += [(path, why)] if why else []
            done(path)
    return count, refused


def _put(index: Index, path: str, found: Report | Refusal) -> tuple[str, str]:
    """What it came to, and the reason where it was refused."""
    if isinstance(found, Report) and index.put(path, found):
        return "indexed", ""
    errors = (found.error,) if isinstance(found, Refusal) else found.errors
    why = next((error for error in errors if error.task in ("", PICTURES)), None)
    if why is None or why.code in (WrongMedium.code, "not_a_medium"):
        return "unseen", ""
    return "refused", why.message


def _tell(count: Counter[str], settings: Settings) -> None:
    said = {
        "indexed": "can be found now",
        "known": "known from before",
        "unseen": "with nothing to see",
        "refused": "refused",
        "gone": "gone and forgotten",
    }
    parts = [f"{count[name]} {words}" for name, words in said.items() if count[name] or name == "indexed"]
    where = settings.qdrant_url or settings.storage_dir.absolute()
    typer.echo(f"{', '.join(parts)} ({where}).", err=True)
