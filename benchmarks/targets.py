"""What was aimed at, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.processes import Figures

_ESSENTIA = "Essentia, algorithms"


def target_rows(
    four: dict[str, Figures], half: dict[str, Figures], warm: float, help_page: float, imported: float
) -> Iterator[str]:
    """A table with a row per target."""

    def ratio(figures: dict[str, Figures], peer: str) -> float:
        return figures["lookhear"].wall / figures[peer].wall

    rows = (
        ("4 min: of decode alone", ratio(four, "decode alone"), 3.0, ""),
        ("4 min: of librosa", ratio(four, "librosa"), 0.10, ""),
        ("4 min: of Essentia's algorithms", ratio(four, _ESSENTIA), 0.12, ""),
        ("4 min: peak memory", four["lookhear"].peak, 140, " MiB"),
        ("30 s: of librosa", ratio(half, "librosa"), 0.08, ""),
        ("30 s: of Essentia's algorithms", ratio(half, _ESSENTIA), 0.18, ""),
        ("30 s: peak memory", half["lookhear"].peak, 90, " MiB"),
        ("30 s: warm, in process", warm, 0.08, " s"),
        ("`lookhear --help`", help_page, 0.15, " s"),
        ("`import lookhear`, beyond bare Python", imported, 0.05, " s"),
    )
    yield "| what | measured | target | met |"
    yield "|---|---|---|---|"
    for name, value, target, unit in rows:
        yield f"| {name} | {value:.3g}{unit} | ≤ {target:g}{unit} | {'yes' if value <= target else 'no'} |"


def film_rows(figures: dict[str, Figures]) -> Iterator[str]:
    """A table with a row per target."""
    ours = figures["lookhear"].wall
    yield "| what | measured | target | met |"
    yield "|---|---|---|---|"
    for peer, target in (("decode alone", 1.3), ("PySceneDetect, ContentDetector", 1.0)):
        ratio = ours / figures[peer].wall
        yield f"| all tasks: of {peer} | {ratio:.3g} | ≤ {target:g} | {'yes' if ratio <= target else 'no'} |"


def batch_rows(figures: dict[int, Figures], files: int) -> Iterator[str]:
    """A table with a row per number of workers."""
    one = figures[min(figures)].wall
    yield f"| {files} × 30 s, workers | wall, s | files/s | hours of sound per minute | speed-up |"
    yield "|---|---|---|---|---|"
    for workers, done in figures.items():
        rate = files / done.wall
        yield f"| {workers} | {done.wall:.2f} | {rate:.1f} | {rate * 0.5:.1f} | {one / done.wall:.2f} |"
