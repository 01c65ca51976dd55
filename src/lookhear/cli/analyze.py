"""``lookhear analyze``: one file to a table, many to a table or a journal that can be taken up again."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any

import typer

from lookhear.analysis.plan import Options, make_plan
from lookhear.cli.asked import expand, task_names, task_options
from lookhear.errors import InputError, Unsupported
from lookhear.media.objects import is_object
from lookhear.models.devices import processors
from lookhear.models.shelf import shelf_for
from lookhear.settings import load_settings

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
    names, chosen = checked(tasks, options, timeout)
    if out is not None and out.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"'{out.name}' ends in none of {', '.join(FORMATS)}.", param_hint="--out")
    if out is not None:
        check_out(out, journal_of(out))
    found = (path for path in expand(paths) if out is None or not _same(path, out))
    if out is not None and any(map(is_object, paths)):  # there may be millions: they are not held
        return _journal(found, names, chosen, out, workers, timeout, quiet)
    files = list(found)
    if not files:
        raise typer.BadParameter("There is no file in it.", param_hint="PATH")
    if len(files) == 1 and out is None and timeout is None:
        return _one(files[0], names, chosen, quiet)
    if out is None:
        return _table(files, names, chosen, workers, timeout, quiet)
    return _journal(files, names, chosen, out, workers, timeout, quiet)


def checked(
    tasks: str | None, options: list[str], timeout: float | None
) -> tuple[tuple[str, ...] | None, dict[str, dict[str, Any]]]:
    """Names of tasks and their options; what is wrong with them, or with the time a file may take, is told at once."""
    names, chosen = task_names(tasks), task_options(options)
    shelf = shelf_for(load_settings())
    for kind in ("audio", "image", "video"):
        make_plan(kind, names, chosen, shelf=shelf)
    if timeout is not None and not 0 < timeout < math.inf:
        raise typer.BadParameter("Give a number of seconds above 0.", param_hint="--timeout")
    return names, chosen


def check_out(out: Path, journal: Path) -> None:
    """What is there may be taken up again if it is ours; nothing else is written over."""
    kind = out.suffix.lower()
    if kind == ".parquet":
        from lookhear.analysis.tables import check_parquet

        check_parquet()
    if out != journal and out.exists() and not journal.exists():
        message = (
            f"'{out}' is there already, and no run of Lookhear can be taken up in it. Name another file, or delete it."
        )
        raise typer.BadParameter(message, param_hint="--out")


def journal_of(out: Path) -> Path:
    """Where the answers of a batch are kept as they come."""
    return out if out.suffix.lower() == ".jsonl" else hidden_journal(out)


def hidden_journal(out: Path) -> Path:
    """The journal of a file that is none itself."""
    return out.with_name(f".{out.name}.journal")


def _same(path: str, out: Path) -> bool:
    return os.path.exists(path) and out.exists() and os.path.samefile(path, out)


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
    except (InputError, Unsupported) as error:
        raise type(error)(f"{path}: {error.message}") from error


def answers_to(
    files: Iterable[str], names: tuple[str, ...] | None, options: Options, workers: int, timeout: float | None
) -> Iterator[tuple[str, str]]:
    """Pairs of path and JSON line, as they get done; standard input is read here."""
    from lookhear.analysis.batch import Request, analyze_many, analyze_or_refuse
    from lookhear.analysis.codec import to_json
    from lookhear.wiring import own

    # one file keeps two cores busy for half its time: as many workers as cores available to us
    workers, files = workers or processors(), iter(files)
    first = list(islice(files, workers))
    workers = max(1, min(workers, sum(path != "-" for path in first)))
    settings = load_settings()
    request = Request(names, options, own(settings), timeout, settings.shared_by(workers))
    piped = []

    def others() -> Iterator[str]:
        for path in chain(first, files):
            if path == "-":
                piped.append(path)
            else:
                yield path

    yield from analyze_many(others(), request, workers)
    for path in piped:  # workers have no standard input
        yield path, to_json(analyze_or_refuse(path, request))


def _table(
    files: list[str], names: tuple[str, ...] | None, options: Options, workers: int, timeout: float | None, quiet: bool
) -> int:
    import json

    from lookhear.cli.progress import files_bar
    from lookhear.cli.show import print_rows

    rows: dict[str, dict[str, Any]] = {}
    with files_bar(len(files), quiet) as done:
        for path, line in answers_to(files, names, options, workers, timeout):
            rows[path] = json.loads(line)
            done(path)
    if not quiet:
        print_rows([rows[path] for path in files], names)
    return 3 if any("error" in row or row["errors"] for row in rows.values()) else 0


def _journal(
    files: Iterable[str],
    names: tuple[str, ...] | None,
    options: Options,
    out: Path,
    workers: int,
    timeout: float | None,
    quiet: bool,
) -> int:
    from lookhear.analysis.ledger import Ledger, renamed
    from lookhear.analysis.resume import earlier
    from lookhear.cli.progress import files_bar
    from lookhear.cli.show import print_tally

    plain = out.suffix.lower() == ".jsonl"
    count: Counter[str] = Counter()
    shelf = shelf_for(load_settings())
    with Ledger(journal_of(out)) as ledger:
        with files_bar(len(files) if isinstance(files, list) else None, quiet) as done:

            def to_do() -> Iterator[str]:
                for path in files:
                    known = earlier(ledger, path, names, options, shelf)
                    if known is None:
                        yield path
                        continue
                    data, same_name = known
                    if not same_name:
                        ledger.write(renamed(data, path))
                    count["known"] += 1
                    count["refused"] += "error" in data
                    done(path)

            for path, line in answers_to(to_do(), names, options, workers, timeout):
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


def _convert(rows: Iterator[dict[str, Any]], out: Path) -> None:
    """Write the whole file beside its place, then put it there at once."""
    import json

    from lookhear.analysis.tables import flatten, write_csv, write_parquet
    from lookhear.cli.written import beside

    with beside(out) as fresh:
        if out.suffix.lower() == ".json":
            text = json.dumps(list(rows), ensure_ascii=False, indent=1) + "\n"
            fresh.write_text(text, encoding="utf-8", errors="backslashreplace")
        elif out.suffix.lower() == ".csv":
            write_csv(map(flatten, rows), fresh)
        else:
            write_parquet(map(flatten, rows), fresh)
