"""``lookhear notes``: the notes of a recording as a table, as MIDI, or as CSV."""

from __future__ import annotations

from pathlib import Path

import typer

from lookhear.cli.analyze import named
from lookhear.cli.progress import seconds_bar
from lookhear.cli.written import beside, check_out, write_whole
from lookhear.errors import Unsupported
from lookhear.tasks.audio.notes.result import NoteEvent

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_BEGIN = {".mid": rb"MThd", ".midi": rb"MThd", ".csv": rb"start,end,"}
_SHOWN = 60


def run(path: str, out: Path | None, tempo: float, quiet: bool) -> int:
    """The exit code, 0."""
    if out is not None:
        if out.suffix.lower() not in _BEGIN:
            raise typer.BadParameter(f"'{out.name}' ends in none of {', '.join(_BEGIN)}.", param_hint="--out")
        check_out(out, "list of notes of ours", _BEGIN[out.suffix.lower()])
    notes = _found(path, out, quiet)
    if out is None:
        if not quiet:
            _print(notes)
        return 0
    if out.suffix.lower() == ".csv":
        write_whole(out, _csv(notes))
    else:
        from lookhear.tasks.audio.notes.midi import write_midi

        with beside(out) as fresh:
            fresh.write_bytes(write_midi(notes, tempo, bend_chords=True))
    if not quiet:
        typer.echo(f"Wrote {len(notes)} notes to {out}.", err=True)
    return 0


def _found(path: str, out: Path | None, quiet: bool) -> tuple[NoteEvent, ...]:
    from lookhear.wiring import analyze

    bends = out is not None and out.suffix.lower() != ".csv"
    with seconds_bar(path, quiet) as progress, named(path):
        report = analyze(path, ["notes"], {"notes": {"pitch_bends": bends}}, progress=progress)
        if report.errors:
            raise Unsupported(report.errors[0].message)
    for note in report.warnings:
        typer.echo(f"lookhear: {path}: {note.message}", err=True)
    notes: tuple[NoteEvent, ...] = report["notes"].notes if "notes" in report else ()
    return notes


def _csv(notes: tuple[NoteEvent, ...]) -> str:
    rows = (f"{note.start},{note.end},{note.pitch},{name(note.pitch)},{note.amplitude}" for note in notes)
    return "\n".join(["start,end,pitch,name,amplitude", *rows, ""])


def name(pitch: int) -> str:
    """As musicians write it: 69 is A4."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def _print(notes: tuple[NoteEvent, ...]) -> None:
    from rich.table import Table

    from lookhear.cli.show import console

    table = Table(box=None, header_style="bold cyan")
    for title in ("start", "length", "note", "MIDI", "amplitude"):
        table.add_column(title, justify="right")
    for note in notes[:_SHOWN]:
        length = f"{note.end - note.start:.2f} s"
        table.add_row(f"{note.start:.2f} s", length, name(note.pitch), str(note.pitch), f"{note.amplitude:.2f}")
    screen = console()
    screen.print(table)
    more = f", of which {_SHOWN} are shown; all: --out notes.csv" if len(notes) > _SHOWN else ""
    screen.print(f"[dim]{len(notes)} note{'s' * (len(notes) != 1)}{more}[/]")
