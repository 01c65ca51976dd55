"""Where someone speaks: the probability of speech over time, and the segments beneath."""

from __future__ import annotations

from typing import Any

from lookhear.page.markup import el, join
from lookhear.page.numbers import number, numbers
from lookhear.page.tracks import Track, drawn
from lookhear.page.view import View

_POINTS = 1000


def speech(view: View) -> Track | None:
    """The curve as an area; what counts as speech as bars at the bottom. Nothing of what never speaks."""
    values = numbers(view.get("speech", "curve", "values"))
    start, step = (view.number("speech", "curve", name) for name in ("start", "step"))
    ratio = view.number("speech", "ratio")
    if not values or not step or not ratio or view.duration <= 0:
        return None
    scale = _POINTS / view.duration
    at = [min(float(_POINTS), scale * ((start or 0.0) + step * i)) for i in range(len(values))]
    course = "L".join(f"{x:.1f} {88 - 84 * value:.1f}" for x, value in zip(at, values, strict=True))
    bars = "".join(_bar(row, scale) for row in view.rows("speech", "segments"))
    shapes = (
        el("path", d=f"M{at[0]:.1f} 88L{course}L{at[-1]:.1f} 88Z", class_="light"),
        el("path", d=bars, class_="spoken"),
    )
    data: dict[str, Any] = {"start": start or 0.0, "step": step, "values": [round(value, 2) for value in values]}
    told = f"{100 * ratio:.0f} % of it is speech"
    legend = join(el("i", class_="key k-light"), "how likely someone speaks", el("i", class_="key k-rms"), told)
    return Track("speech", "Speech", f"Speech over time: {told}", drawn(join(*shapes), _POINTS), (), data, legend)


def _bar(row: dict[str, Any], scale: float) -> str:
    start, end = (number(row.get(name)) or 0.0 for name in ("start", "end"))
    return f"M{scale * start:.1f} 91H{max(scale * end, scale * start + 1):.1f}V100H{scale * start:.1f}Z"
