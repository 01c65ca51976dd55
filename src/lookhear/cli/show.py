"""Results as tables a person reads. Knows no task by name: titles and fields come from the tasks."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lookhear.analysis.codec import plain
from lookhear.analysis.report import Report
from lookhear.tasks.catalogue import all_tasks, is_asked

_LONG = 8  # list items shown in a cell


def console() -> Console:
    """As wide as the terminal; in a pipe or a log there is no need to squeeze."""
    screen = Console()
    return screen if screen.is_terminal else Console(width=120)


def print_report(report: Report) -> None:
    """All fields of one report, a table per task, then what is to be said about it."""
    screen = console()
    facts = report.medium
    picture = facts.probe.picture if facts.kind == "image" else None
    extent = f"{picture.width} × {picture.height}" if picture else cell("duration", facts.duration)
    screen.print(f"[bold]{escape(facts.name)}[/]  {facts.kind}, {extent}")
    for finding in report.findings:
        table = Table(title=finding.task, title_justify="left", title_style="bold cyan", show_header=False, box=None)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in _rows(plain(finding.value)):
            table.add_row(escape(name), escape(cell(name, value)))
        screen.print(table)
    for error in report.errors:
        screen.print(f"[red]{error.task}:[/] {escape(error.message)}")
    for note in report.warnings:
        screen.print(f"[yellow]{note.task or 'note'}:[/] {escape(note.message)}")
    used = dict.fromkeys(model for finding in report.findings for model in finding.provenance.models)
    for model in used:
        more = f"; a better one: lookhear models pull {model.better}" if model.better else ""
        screen.print(f"[dim]by {escape(f'{model.name} {model.version}')}{escape(more)}[/]")
    if not report.complete:
        screen.print("[yellow]The file could not be read to its end; all values cover what was readable.[/]")
    screen.print(f"[dim]{report.timings['total']:.2f} s[/]")


def _rows(value: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, item in value.items():
        if isinstance(item, dict) and not _is_table(item):
            rows.extend(_rows(item, f"{prefix}{name}."))
        elif item is not None or not prefix:
            rows.append((prefix + name, item))
    return rows


def _is_table(value: dict[str, Any]) -> bool:
    """Many numbers by name: a line, not a line each."""
    return len(value) > _LONG and all(isinstance(item, (int, float)) for item in value.values())


def cell(name: str, value: Any) -> str:
    """A value in a few characters."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.rpartition(".")[2] in {"duration", "length"} and isinstance(value, (int, float)):
        return _clock(float(value))
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    if name.rpartition(".")[2] in {"resolution", "stored"} and isinstance(value, (list, tuple)):
        return " × ".join(str(side) for side in value)
    if isinstance(value, (list, tuple)):
        return _listing(value)
    if isinstance(value, dict) and len(value) == 2 and "label" in value:
        return " ".join(cell("", item) for item in value.values())
    if isinstance(value, dict):
        told = [f"{key} {cell('', item)}" for key, item in value.items() if item is not None]
        rest = f" … ({len(told)})" if len(told) > _LONG and _is_table(value) else ""
        return (", ".join(told[:_LONG] if rest else told) or "—") + rest
    text = str(value)
    return text if len(text) <= 120 else f"{text[:100]}… ({len(text)} characters)"


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _listing(items: list[Any] | tuple[Any, ...]) -> str:
    if not items:
        return "none"
    separator = "; " if isinstance(items[0], dict) else "  "
    shown = separator.join(cell("", item) for item in items[:_LONG])
    return shown if len(items) <= _LONG else f"{shown} … ({len(items)})"


def print_rows(rows: list[dict[str, Any]], names: tuple[str, ...] | None) -> None:
    """One row per file with the headline fields of the tasks, a table for each kind of medium; then what went wrong."""
    screen = console()
    known = [row for row in rows if "error" not in row]
    folder = common_folder([row["medium"]["name"] for row in known])
    for kind, title in (("audio", "sound"), ("image", "pictures"), ("video", "films")):
        chosen = [row for row in known if row["medium"]["kind"] == kind]
        if chosen:
            told = {finding["task"] for row in chosen for finding in row["findings"]}
            headlines = [
                headline for headline in _headlines(kind, names) if headline[1] in told
            ]  # else names are squeezed
            screen.print(_table(chosen, headlines, f"{folder}  {title}".strip(), folder))
    for row in rows:
        if "error" in row:
            _remark(screen, row["name"], row["error"]["message"], "red")
            continue
        for error in row["errors"]:
            _remark(screen, row["medium"]["name"], f"{error['task']}: {error['message']}", "red")
        for note in row["warnings"]:
            if note["task"] is None and not note.get("harmless"):  # which older journals do not say
                _remark(screen, row["medium"]["name"], note["message"], "yellow")


def _headlines(kind: str, names: tuple[str, ...] | None) -> list[tuple[str, str, str]]:
    """(title, task, field); of films what is seen, unless tasks on sound are named."""
    found = [
        (title, task.name, field)
        for task in all_tasks()
        if kind in task.kinds and is_asked(task, names)
        if names is not None or kind != "video" or task.kinds == {"video"}
        for title, field in task.headline.items()
    ]
    return list(dict.fromkeys(found))


def _table(rows: list[dict[str, Any]], headlines: list[tuple[str, str, str]], title: str, folder: str) -> Table:
    table = Table(title=escape(title), title_justify="left")
    table.add_column("file", overflow="fold", ratio=1, min_width=16)
    for column, _, _ in headlines:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        values = {finding["task"]: finding["value"] for finding in row["findings"]}
        cells = (escape(cell(field, values.get(task, {}).get(field))) for _, task, field in headlines)
        table.add_row(escape(row["medium"]["name"].removeprefix(folder)), *cells)
    return table


def _remark(screen: Console, name: str, message: str, color: str) -> None:
    screen.print(f"[{color}]{escape(name)}:[/] {escape(message)}", soft_wrap=True)


def common_folder(names: list[str]) -> str:
    """The folder all names begin with, if it is worth saying once instead of in every row."""
    if len(names) < 2 or len({os.path.isabs(name) for name in names}) == 2:
        return ""
    folder = os.path.join(os.path.commonpath([os.path.dirname(name) for name in names]), "")
    return folder if len(folder) > 12 and all(name.startswith(folder) for name in names) else ""


def print_tally(count: Counter[str], out: Path) -> None:
    """What a batch came to."""
    parts = [f"{count['done']} analysed"]
    if count["known"]:
        parts.append(f"{count['known']} known from before")
    if count["refused"]:
        parts.append(f"{count['refused']} refused (the reason is in their lines)")
    Console(stderr=True).print(f"{', '.join(parts)}: {escape(str(out))}", soft_wrap=True)


def print_tasks() -> None:
    """The catalogue."""
    table = Table()
    for title in ("task", "on", "gives", "options"):
        table.add_column(title, overflow="fold")
    for task in all_tasks():
        options = "\n".join(f"{field.name}={field.default!r}" for field in dataclasses.fields(task.Options))
        name = task.name if task.default else f"{task.name} (when asked)"
        gives = f"{task.summary}; needs a model" if task.wants(task.Options()) else task.summary
        table.add_row(name, ", ".join(sorted(task.kinds)), escape(gives), escape(options) or "—")
    console().print(table)


def print_scenes(rows: Sequence[dict[str, Any]]) -> None:
    """A line per scene."""
    table = Table(box=None, header_style="bold cyan")
    for title in ("scene", "start", "end", "length", "frames", "key frame", "begins with"):
        table.add_column(title, justify="left" if title == "begins with" else "right")
    for row in rows:
        frames = f"{row['start_frame']}–{row['end_frame'] - 1}"
        times = (_moment(row["start"]), _moment(row["end"]), f"{row['duration']:.2f} s")
        table.add_row(str(row["scene"]), *times, frames, str(row["key_frame"]), row["transition"] or "—")
    screen = console()
    screen.print(table)
    screen.print(f"[dim]{len(rows)} scene{'s' * (len(rows) != 1)}[/]")


def print_transcript(found: dict[str, Any]) -> None:
    """A line per segment."""
    table = Table(box=None, header_style="bold cyan")
    for title in ("start", "end", "text"):
        table.add_column(title, justify="left" if title == "text" else "right", overflow="fold")
    for row in found["segments"]:
        table.add_row(_moment(row["start"]), _moment(row["end"]), escape(row["text"]))
    screen = console()
    screen.print(table)
    count, spoken = len(found["segments"]), _clock(found["speech_seconds"])
    language = found["language"] or "no language"
    screen.print(f"[dim]{count} segment{'s' * (count != 1)}, {language}, {spoken} of speech[/]")


def _moment(seconds: float) -> str:
    """0:01:02.345."""
    minutes, rest = divmod(round(1000 * seconds), 60_000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest / 1000:06.3f}"
