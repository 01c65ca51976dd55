"""Where the concrete parts meet: settings, engine, tasks. The library's public functions live here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lookhear.analysis import engine, live
from lookhear.analysis.plan import Options, make_plan, task_names
from lookhear.analysis.report import Refusal, Report
from lookhear.analysis.sweep import Progress
from lookhear.media.limits import Limits
from lookhear.media.medium import open_medium
from lookhear.media.objects import EVERY
from lookhear.media.probe import Probe
from lookhear.media.source import Named, local
from lookhear.models.shelf import shelf_for
from lookhear.settings import load_settings

if TYPE_CHECKING:
    from lookhear.analysis.copy_groups import Copies


def analyze(
    source: Named,
    tasks: Sequence[str] | None = None,
    options: Options | None = None,
    *,
    limits: Limits | None = None,
    audio_track: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Analyse one medium: all tasks that fit it, or those named.

    ``source``: path, bytes, binary file object, "-" for standard input, s3://bucket/key, file://…, or an http(s) URL where
    those are allowed. ``options``: for each task a mapping of its options. ``limits``: from the settings, unless given.
    ``audio_track``: which sound track, from 0. ``progress``: called with the seconds of sound done.

    Raises errors.UnknownTask, errors.InvalidOptions, errors.InvalidSettings, and for a medium that cannot be read at
    all an errors.InputError; the failure of a single task is in ``Report.errors``.
    """
    settings = load_settings()
    return engine.analyze(
        local(source),
        tasks,
        options,
        limits=own(limits or settings),
        audio_track=audio_track,
        progress=progress,
        shelf=shelf_for(settings),
    )


def own(limits: Limits) -> Limits:
    """For whoever calls in their own name: objects anywhere, unless OBJECT_PREFIXES says which."""
    return limits if limits.object_prefixes else replace(limits, object_prefixes=EVERY)


def probe(source: Named, *, limits: Limits | None = None) -> Probe:
    """What the container says, without decoding. Raises errors.InputError."""
    with open_medium(local(source), own(limits or load_settings())) as medium:
        return medium.probe


def listen(
    source: Named,
    tasks: Sequence[str] | None = None,
    options: Options | None = None,
    *,
    every: float = 5.0,
    window: float = 30.0,
    limits: Limits | None = None,
) -> Iterator[live.Moment]:
    """Running results every ``every`` seconds of sound, over windows of ``window`` seconds (0: since the beginning).

    Each window starts its tasks afresh, so that a stream may go on for ever in the same memory.
    Raises as ``analyze`` does.
    """
    settings = load_settings()
    shelf = shelf_for(settings)
    within = own(limits or settings)
    return live.listen(local(source), tasks, options, every=every, window=window, limits=within, shelf=shelf)


def analyze_many(
    paths: Iterable[str],
    tasks: Sequence[str] | None = None,
    options: Options | None = None,
    *,
    limits: Limits | None = None,
    workers: int = 1,
    timeout: float | None = None,
) -> Iterator[Report | Refusal]:
    """Analyse many files in ``workers`` processes; each gives a report or a refusal, as they get done.

    A file that crashes or outlasts ``timeout`` (s) costs only itself. Raises as ``analyze`` does for what was asked. The
    processes are spawned: a script that calls this needs the ``if __name__ == "__main__":`` of multiprocessing.
    """
    from lookhear.analysis.batch import Request  # multiprocessing costs 10 ms
    from lookhear.analysis.batch import analyze_many as batch
    from lookhear.analysis.codec import from_json

    settings = load_settings()
    request = Request(task_names(tasks), options, own(limits or settings), timeout, settings.shared_by(workers))
    make_plan("audio", tasks, options, shelf=shelf_for(settings))
    for _, line in batch((str(local(path)) for path in paths), request, workers):
        yield from_json(line)


def duplicates(
    paths: Iterable[str | os.PathLike[str]],
    *,
    limits: Limits | None = None,
    workers: int = 1,
    timeout: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> Copies:
    """Groups of files that are copies of one another, in files and folders; nothing is changed on the disk.

    ``progress``: called with each file that is done. For ``workers``, ``timeout`` and scripts see ``analyze_many``. What
    cannot be read is in ``Copies.refused``; raises errors.InvalidSettings alone.
    """
    from lookhear.analysis.batch import Request
    from lookhear.analysis.batch import analyze_many as batch
    from lookhear.analysis.codec import from_json
    from lookhear.analysis.copies import copy_tasks, find_copies
    from lookhear.analysis.twins import survey

    limits = limits or load_settings()
    found = survey([paths] if isinstance(paths, (str, os.PathLike)) else paths, limits)
    request = Request(tuple(dict.fromkeys(task.name for task in copy_tasks())), None, limits, timeout)
    answers = {}
    for path, line in batch(found.sizes, request, workers):
        answers[path] = from_json(line)
        if progress is not None:
            progress(path)
    return find_copies(found, answers)


def pull(*names: str, force: bool = False) -> None:
    """Install models by name, or as ``name@version``, and make them active.

    Raises errors.UnknownModel, errors.ModelUnavailable (no network, no room), errors.InvalidModel (damaged files).
    """
    from lookhear.models.install import pull as install

    settings = load_settings()
    shelf = shelf_for(settings)
    cards = [shelf.catalogue.find(name) for name in names]
    for card in cards:
        shelf.check_terms(card)
    for card in cards:
        install(card, shelf.store, settings.model_mirror, force=force)


__all__ = ["analyze", "analyze_many", "duplicates", "listen", "probe", "pull"]
