"""``lookhear analyze``: one file to a table, many to a table or a journal that can be taken up again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from lookhear.analysis.plan import Options, make_plan
from lookhear.cli.asked import expand, task_names, task_options
from lookhear.errors import InputError

FORMATS = (".jsonl", ".json", ".csv", ".parquet")


def run(
    paths: list[str],
    tasks: str | None,
    options: list[str],
    out: Path | None,
    workers: int,
    timeout: float | None,
    quiet: bool,
) -> int:
    """The exit code: 0, or 3 when a file was refused."""
    names, chosen = task_names(tasks), task_options(options)
    make_plan("audio", names, chosen)  # a wrong name or option is told at once
    if out is not None and out.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"'{out.name}' ends in none of {', '.join(FORMATS)}.", param_hint="--out")
    files = list(expand(paths))
    if not files:
        raise typer.BadParameter("There is no file in it.", param_hint="PATH")
    if len(files) == 1 and out is None:
        return _one(files[0], names, chosen, quiet)
    if out is None:
        return _table(files, names, chosen, workers, timeout, quiet)
    return _journal(files, names, chosen, out, workers, timeout, quiet)


def _one(path: str, names: tuple[str, ...] | None, options: Options, quiet: bool) -> int:
    from lookhear.cli.progress import seconds_bar
    from lookhear.wiring import analyze

    with seconds_bar(path, quiet) as progress, named(path):
        report = analyze(path, names, options, progress=progress)
    if not quiet:
        from lookhear.cli.show import print_report

        print_report(report)
    return 3 if report.errors else 0


@contextmanager
def named(path: str) -> Iterator[None]:
    """Say which file an error is about."""
    try:
        yield
    except InputError as error:
        raise type(error)(f"{path}: {error.message}") from error


def _lines(
    files: list[str], names: tuple[str, ...] | None, options: Options, workers: int, timeout: float | None
) -> Iterator[tuple[str, str]]:
    from lookhear.analysis.batch import Request, analyze_many
    from lookhear.settings import load_settings

    request = Request(names, options, load_settings(), timeout)
    yield from analyze_many(files, request, min(workers or default_workers(), len(files)))


def default_workers() -> int:
    """One file keeps two cores busy for half its time: as many workers as cores available to us."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _table(
    files: list[str], names: tuple[str, ...] | None, options: Options, workers: int, timeout: float | None, quiet: bool
) -> int:
    import json

    from lookhear.cli.progress import files_bar
    from lookhear.cli.show import print_rows

    rows: dict[str, dict[str, Any]] = {}
    with files_bar(len(files), quiet) as done:
        for path, line in _lines(files, names, options, workers, timeout):
            rows[path] = json.loads(line)
            done(path)
    if not quiet:
        print_rows([rows[path] for path in files], names)
    return 3 if any("error" in row or row["errors"] for row in rows.values()) else 0


def _journal(
    files: list[str],
    names: tuple[str, ...] | None,
    options: Options,
    out: Path,
    workers: int,
    timeout: float | None,
    quiet: bool,
) -> int:
    from lookhear.analysis.ledger import Ledger, renamed
    from lookhear.cli.progress import files_bar
    from lookhear.cli.show import print_tally

    plain = out.suffix.lower() == ".jsonl"
    count: Counter[str] = Counter()
    with Ledger(out if plain else out.with_name(f".{out.name}.journal")) as ledger:
        with files_bar(len(files), quiet) as done:
            to_do = []
            for path in files:
                earlier = _earlier(ledger, path, names, options)
                if earlier is None:
                    to_do.append(path)
                    continue
                data, same_name = earlier
                if not same_name:
                    ledger.write(renamed(data, path))
                count["known"] += 1
                count["refused"] += "error" in data
                done(path)
            for path, line in _lines(to_do, names, options, workers, timeout) if to_do else ():
                ledger.write(line)
                count["refused" if _refused(line) else "done"] += 1
                done(path)
        ledger.compact()
        if not plain:
            _convert(ledger.rows(), out)
    if not quiet:
        print_tally(count, out)
    return 3 if count["refused"] else 0


def _refused(line: str) -> bool:
    import json

    return "error" in json.loads(line)


def _earlier(
    ledger: Any, path: str, names: tuple[str, ...] | None, options: Options
) -> tuple[dict[str, Any], bool] | None:
    """What an earlier run knows of these bytes, for these tasks with these options."""
    from lookhear.analysis.batch import file_digest

    if not os.path.isfile(path) or not ledger.known:
        return None
    digest = file_digest(path)
    if digest is None:
        return None
    kind = ledger.kind(digest.sha256) or "audio"
    steps = make_plan(kind, names, options).steps
    wanted = frozenset((step.task.name, step.config_hash) for step in steps if step.asked)
    found: tuple[dict[str, Any], bool] | None = ledger.lookup(path, digest.sha256, wanted)
    return found


def _convert(rows: Iterator[dict[str, Any]], out: Path) -> None:
    """Write the whole file beside its place, then put it there at once."""
    import json

    from lookhear.analysis.tables import flatten, write_csv, write_parquet

    fresh = out.with_name(f".{out.name}.new")
    if out.suffix.lower() == ".json":
        fresh.write_text(json.dumps(list(rows), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    elif out.suffix.lower() == ".csv":
        write_csv(map(flatten, rows), fresh)
    else:
        write_parquet(map(flatten, rows), fresh)
    os.replace(fresh, out)
