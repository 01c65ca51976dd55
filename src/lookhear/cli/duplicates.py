"""``lookhear duplicates``: groups of copies, as a table or in a file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import typer

from lookhear.analysis.batch import Request, analyze_many
from lookhear.analysis.codec import from_json, to_json
from lookhear.analysis.copies import copy_tasks, find_copies
from lookhear.analysis.copy_groups import Copies, CopyGroup, Related
from lookhear.analysis.ledger import Ledger, renamed
from lookhear.analysis.report import Refusal
from lookhear.analysis.resume import earlier
from lookhear.analysis.tables import copy_rows, write_csv
from lookhear.analysis.twins import survey
from lookhear.cli.analyze import check_out, hidden_journal
from lookhear.cli.progress import files_bar
from lookhear.cli.written import beside, write_whole
from lookhear.models.devices import processors
from lookhear.settings import load_settings

FORMATS = (".jsonl", ".json", ".csv")


def run(paths: list[str], out: Path | None, workers: int, timeout: float | None, quiet: bool) -> int:
    """The exit code: 0, or 3 when a file was refused."""
    if "" in paths:
        raise typer.BadParameter("A path is empty. Is a variable not set?", param_hint="PATH")
    if out is not None and out.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"'{out.name}' ends in none of {', '.join(FORMATS)}.", param_hint="--out")
    if timeout is not None and not 0 < timeout < math.inf:
        raise typer.BadParameter("Give a number of seconds above 0.", param_hint="--timeout")
    if out is not None:
        check_out(out, hidden_journal(out))
    limits = load_settings()
    found = survey(paths, limits, leave=out)
    if not found.count:
        raise typer.BadParameter("There is no file in it.", param_hint="PATH")
    request = Request(tuple(dict.fromkeys(task.name for task in copy_tasks())), None, limits, timeout)
    answers = {}
    with (
        nullcontext() if out is None else Ledger(hidden_journal(out)) as ledger,
        files_bar(len(found.sizes), quiet) as done,
    ):
        for path, line in _answers(list(found.sizes), request, workers, ledger):
            answers[path] = from_json(line)
            done(path)
        copies = find_copies(found, answers)
        if out is not None:
            _write(copies, out)
    if not quiet:
        from lookhear.cli.show_copies import print_copies, print_sum

        print_sum(copies, out) if out is not None else print_copies(copies)
    return 3 if copies.refused else 0


def _answers(files: list[str], request: Request, workers: int, ledger: Ledger | None) -> Iterator[tuple[str, str]]:
    """Pairs of path and JSON line: first what the journal knows, then what is new, kept as it comes."""
    fresh = []
    for path in files:
        known = earlier(ledger, path, request.tasks) if ledger else None
        if known is None:
            fresh.append(path)
        else:
            yield path, renamed(known[0], path)
    for path, line in analyze_many(fresh, request, min(workers or processors(), len(fresh) or 1)):
        if ledger:
            ledger.write(line)
        yield path, line


def _write(copies: Copies, out: Path) -> None:
    kind = out.suffix.lower()
    if kind == ".csv":
        with beside(out) as fresh:
            write_csv(copy_rows(copies), fresh)
    elif kind == ".json":
        write_whole(out, to_json(copies, indent=1) + "\n")
    else:
        parts: list[CopyGroup | Related | Refusal] = [*copies.groups, *copies.related, *copies.refused]
        write_whole(out, "".join(to_json(part) + "\n" for part in parts))
