"""A film over time: a strip of frames with the scenes beneath, and the curves of brightness and movement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lookhear.page.markup import Child, Html, card, el, join
from lookhear.page.numbers import amount, clock, number, numbers
from lookhear.page.tracks import Track, drawn
from lookhear.page.view import View

_WIDE, _HIGH = 1080, 84  # pixels of the strip on a wide screen
_LEAST, _MOST = 4, 24  # frames in it
_SHOWN = 60  # scenes that are shown at once; the others open
_READ = 6000  # cuts that the page carries for the readout
_KINDS = ("cut", "dissolve", "fade", "wipe")


@dataclass(frozen=True)
class _Still:
    time: float
    data: str


def _stills(view: View) -> list[_Still]:
    rows = view.rows("overview", "stills")
    found = [(number(row.get("time")), row.get("preview")) for row in rows]
    return [_Still(time, data) for time, data in found if time is not None and isinstance(data, str)]


def _nearest(stills: Sequence[_Still], time: float, low: float, high: float) -> _Still:
    """The one nearest to ``time``; one from low to high, where there is one."""
    inside = [still for still in stills if low <= still.time < high] or stills
    return min(inside, key=lambda still: abs(still.time - time))


def _image(still: _Still, class_: str | None = None) -> Html:
    return el("img", src=f"data:image/jpeg;base64,{still.data}", alt="", class_=class_, draggable="false")


def strip(view: View) -> Track | None:
    """Frames side by side, each at its time: key frames of the longest scenes there; scenes and transitions beneath."""
    stills = _stills(view)
    if not stills or view.duration <= 0:
        return None
    width, height = view.number("overview", "width") or 16, view.number("overview", "height") or 9
    count = min(_MOST, max(_LEAST, round(_WIDE / (_HIGH * width / height))))
    scenes = [(a, b, key) for a, b, key in map(_bounds, view.rows("scenes", "scenes")) if b > a]
    tiles = []
    for i in range(count):
        low, high = view.duration * i / count, view.duration * (i + 1) / count
        here = max(scenes, key=lambda one: min(one[1], high) - max(one[0], low), default=(low, high, (low + high) / 2))
        low, high = max(low, here[0]), min(high, here[1])
        tiles.append(_image(_nearest(stills, min(max(here[2], low), high), low, high)))
    cuts = view.rows("scenes", "cuts")
    drawing = join(el("div", tiles, class_="tiles-of-film"), _lane(view, scenes, cuts) if scenes else None)
    times = [time for time in (number(cut.get("time")) for cut in cuts) if time is not None]
    data: dict[str, Any] = {"cuts": [round(time, 2) for time in times]} if len(times) <= _READ else {}
    counted = [(sum(cut.get("kind") == kind for cut in cuts), kind) for kind in _KINDS]
    told = ", ".join(f"{count} {kind}{'s' * (count != 1)}" for count, kind in counted if count)
    legend = join(el("i", class_="key k-cut"), told or "no transitions") if scenes else None
    what = f"Frames of the film over {amount(view.duration, 'clock')}" + (f": {len(scenes)} scenes" if scenes else "")
    return Track("film", "Film", what, drawing, (), data, legend)


def _bounds(row: dict[str, Any]) -> tuple[float, float, float]:
    start, end, key = (number(row.get(name)) or 0.0 for name in ("start", "end", "key_time"))
    return start, end, key


def _lane(view: View, scenes: list[tuple[float, float, float]], cuts: list[dict[str, Any]]) -> Html:
    """Every other scene shaded, hard cuts as lines, gradual transitions as lozenges as long as they take."""
    scale = 10000 / view.duration
    shaded = "".join(f"M{scale * a:.0f} 0H{scale * b:.0f}V18H{scale * a:.0f}Z" for a, b, _ in scenes[::2])
    other = "".join(f"M{scale * a:.0f} 0H{scale * b:.0f}V18H{scale * a:.0f}Z" for a, b, _ in scenes[1::2])
    lines, slopes = "", ""
    for cut in cuts:
        start, end, time = (number(cut.get(name)) or 0.0 for name in ("start", "end", "time"))
        if cut.get("kind") == "cut":
            lines += f"M{scale * time:.0f} 0V18"
        else:
            a, b = scale * start, max(scale * end, scale * start + 12)
            slopes += f"M{a:.0f} 9L{(a + b) / 2:.0f} 0L{b:.0f} 9L{(a + b) / 2:.0f} 18Z"
    shapes = (
        el("path", d=shaded, class_="scene"),
        el("path", d=other, class_="scene other"),
        el("path", d=lines, class_="cut"),
        el("path", d=slopes, class_="gradual"),
    )
    return el("svg", shapes, viewBox="0 0 10000 18", preserveAspectRatio="none", class_="lane", aria_hidden="true")


def courses(view: View) -> Track | None:
    """Brightness as an area, movement as a line over it."""
    step = view.number("visual", "timeline", "seconds_per_point")
    bright, motion = (numbers(view.get("visual", "timeline", name)) for name in ("brightness", "motion"))
    if not step or not bright or view.duration <= 0:
        return None
    scale = 1000 / view.duration
    top = max(0.02, *motion) if motion else 1.0
    at = [min(1000.0, scale * step * (i + 0.5)) for i in range(len(bright))]
    light = "L".join(f"{x:.1f} {100 - 96 * value:.1f}" for x, value in zip(at, bright, strict=True))
    moved = "L".join(f"{x:.1f} {100 - 96 * value / top:.1f}" for x, value in zip(at, motion, strict=False))
    shapes: list[Child] = [el("path", d=f"M{at[0]:.1f} 100L{light}L{at[-1]:.1f} 100Z", class_="light")]
    shapes.append(el("path", d=f"M{moved}", class_="line moved") if moved else None)
    data = {"step": step, "light": [round(v, 3) for v in bright], "moved": [round(v, 4) for v in motion]}
    marks = ((0.04, "100 %"), (0.52, "50 %"), (1.0, "0 %"))
    legend = join(
        el("i", class_="key k-light"),
        "brightness",
        el("i", class_="key k-moved"),
        f"movement, up to {top:.2f} widths/s",
    )
    what = f"Brightness and movement over time; movement reaches {top:.2f} frame widths a second"
    return Track("courses", "Brightness and movement", what, drawn(join(*shapes), 1000), marks, data, legend)


def scenes_card(view: View) -> Html | None:
    """Every scene by its key frame, its time, its length and how it begins."""
    rows, stills = view.rows("scenes", "scenes"), _stills(view)
    if not rows or not stills:
        return None
    cuts = view.rows("scenes", "cuts")
    items = []
    for i, row in enumerate(rows):
        start, end, key = _bounds(row)
        how = f"after a {cuts[i - 1].get('kind')}" if 0 < i <= len(cuts) and cuts[i - 1].get("kind") != "cut" else ""
        words = el("span", el("b", i + 1), f" {clock(start)} · {end - start:.1f} s", el("small", how) if how else None)
        items.append(el("li", _image(_nearest(stills, key, start, end)), words))
    shown, rest = items[:_SHOWN], items[_SHOWN:]
    more = el("details", el("summary", f"{len(rest)} more"), el("ul", rest, class_="shots")) if rest else None
    return card(
        f"{len(rows)} scenes" if len(rows) != 1 else "1 scene", el("ul", shown, class_="shots"), more, class_="all"
    )
