"""Where on the time axis something is wrong: clipping and dropouts, as a strip above the waveform."""

from __future__ import annotations

from math import ceil
from typing import Any

from lookhear.page.markup import Child, Html, el
from lookhear.page.numbers import number
from lookhear.page.view import View

_KINDS = ((("clipping", "events"), "clipped", "clip"), (("dropouts",), "dropouts", "drop"))
_LEAST = 18  # of 10000: what is shorter would not be seen


def strip(view: View) -> tuple[Child, list[Html | str]]:
    """The drawing, and its legend; nothing where nothing is wrong."""
    paths: list[Html] = []
    legend: list[Html | str] = []
    for path, word, kind in _KINDS:
        spans = [_span(row, view.duration) for row in view.rows(view.heard("quality"), *path)]
        found = "".join(f"M{left} 0H{left + width}V4H{left}Z" for left, width in filter(None, spans))
        if found:
            paths.append(el("path", d=found, class_=kind))
            legend += [el("i", class_=f"key k-{kind}"), word]
    if not paths:
        return None, []
    box = {"viewBox": "0 0 10000 100", "preserveAspectRatio": "none", "focusable": "false"}
    return el("svg", paths, class_="over", aria_hidden="true", **box), legend


def _span(row: dict[str, Any], duration: float) -> tuple[int, int] | None:
    start, end = number(row.get("start")), number(row.get("end"))
    if start is None or not 0 <= start <= duration:
        return None
    left = int(10000 * start / duration)
    width = max(_LEAST, ceil(10000 * (max(start, end or start) - start) / duration))
    return min(left, 10000 - _LEAST), width
