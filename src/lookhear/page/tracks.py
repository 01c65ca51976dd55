"""The drawings over time: one axis for all, so that what is above each other happens at the same moment."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log, log10
from typing import Any

import numpy as np

from lookhear.page import png
from lookhear.page.beats import lanes
from lookhear.page.flaws import strip
from lookhear.page.markup import Child, Html, el, join
from lookhear.page.numbers import amount, number, numbers, time_ticks
from lookhear.page.view import View

_POINTS = 1000  # that a drawing is given across
_FLAT = 0.05  # full scale of a drawing whose sound stays below
_WAVE = 0.88  # share of the height; beats have the rest


@dataclass(frozen=True)
class Track:
    """One drawing: its name, what is drawn, marks beside it as (share from the top, label), data for the readout."""

    kind: str
    name: str
    summary: str  #: for those who cannot see it
    drawing: Child
    marks: tuple[tuple[float, str], ...]
    data: dict[str, Any]
    legend: Child = None

    def html(self, duration: float) -> Html:
        """The track with its axes."""
        labels = [el("span", label, style=f"top:{100 * at:.2f}%") for at, label in self.marks if 0 <= at <= 1]
        ticks = [el("span", label, style=f"left:{100 * at:.3f}%") for at, label in time_ticks(duration) if at <= 0.985]
        grid = [el("i", style=f"left:{100 * at:.3f}%") for at, _ in time_ticks(duration) if at > 0]
        head = el("div", el("h4", self.name), el("output", class_="readout", aria_live="off"), class_="head")
        plot = el(
            "div",
            el("div", grid, class_="grid", aria_hidden="true"),
            self.drawing,
            class_=f"plot {self.kind}",
            tabindex=0,
            role="img",
            aria_label=self.summary,
            data_kind=self.kind,
            data_series=json.dumps(self.data, separators=(",", ":")),
        )
        axes = (el("div", labels, class_="ylabels", aria_hidden="true"), plot)
        time = el("div", ticks, class_="xlabels", aria_hidden="true")
        legend = el("p", self.legend, class_="legend") if self.legend else None
        return el("div", head, *axes, time, legend, class_="track")


def drawn(tag: Html, width: float, height: float = 100) -> Html:
    """Shapes that stretch with their place."""
    box = f"0 0 {width:.4f} {height:g}"
    return el("svg", tag, viewBox=box, preserveAspectRatio="none", aria_hidden="true", focusable="false")


def waveform(view: View) -> Track | None:
    """Envelopes with the RMS inside, and beats beneath."""
    step, channels = (
        view.number(view.heard("overview"), "waveform", "seconds_per_bucket"),
        view.rows(view.heard("overview"), "waveform", "channels"),
    )
    if not step or not channels or view.duration <= 0 or not numbers(channels[0].get("rms")):
        return None
    folded = [_folded(channel) for channel in channels]
    top = max(_FLAT, *(float(np.abs(rows[:2]).max()) for rows in folded))
    full = view.duration / step / -(-len(numbers(channels[0]["rms"])) // folded[0].shape[1])
    shapes, height = [], 100 / len(folded)
    for i, rows in enumerate(folded):
        middle, scale = (i + 0.5) * height, 0.47 * height / top
        outer = _outline(middle - scale * rows[1], middle - scale * rows[0])
        inner = _outline(middle - scale * rows[2], middle + scale * rows[2])
        shapes += [el("path", d=outer, class_="peaks"), el("path", d=inner, class_="rms")]
        shapes.append(el("path", d=f"M0 {middle:g}H{full:.3f}", class_="zero"))
    names = ("left", "right") if len(folded) == 2 else ("",)
    marks = _level_marks(top, len(folded), names)
    peaks = np.abs(np.stack([rows[:2] for rows in folded])).max(axis=(0, 1))
    data = {"step": view.duration / full, "peak": [round(20 * log10(max(p, 1e-5)), 1) for p in peaks.tolist()]}
    beat = lanes(view)
    loudest = amount(20 * log10(max(float(peaks.max()), 1e-5)), "dBFS")
    what = f"Waveform over {amount(view.duration, 'clock')}, loudest {loudest}. {beat.summary}"
    flaws, words = strip(view)
    drawing = join(drawn(join(*shapes), full), beat.html, flaws)
    legend = join(
        el("i", class_="key k-peak"), "peaks", el("i", class_="key k-rms"), "average level", beat.legend, words
    )
    return Track("waveform", "Waveform", what, drawing, marks, data | beat.data, legend)


def _folded(channel: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(3, at most 1000) of least, greatest, RMS."""
    rows = np.array([numbers(channel.get(name)) for name in ("least", "greatest", "rms")])
    group = ceil(rows.shape[1] / _POINTS)
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % group)), mode="edge").reshape(3, -1, group)
    return np.stack([padded[0].min(axis=1), padded[1].max(axis=1), np.sqrt((padded[2] ** 2).mean(axis=1))])


def _outline(upper: Any, lower: Any) -> str:
    """A closed path along ``upper`` and back along ``lower``; a value is drawn at the middle of its bucket."""
    there, back, count = np.round(upper, 1).tolist(), np.round(lower, 1).tolist(), len(upper)
    at = [0.0, *(i + 0.5 for i in range(count)), float(count)]
    above = [there[0], *there, there[-1]]
    below = [back[0], *back, back[-1]]
    points = [f"{x:g} {y:g}" for x, y in zip(at, above, strict=True)]
    points += [f"{x:g} {y:g}" for x, y in zip(reversed(at), reversed(below), strict=True)]
    return f"M{'L'.join(points)}Z"


def _level_marks(top: float, lanes_: int, names: Sequence[str]) -> tuple[tuple[float, str], ...]:
    level = amount(round(20 * log10(top), 0), "")
    marks: list[tuple[float, str]] = []
    for i, name in enumerate(names):
        marks += [(_WAVE * (i + 0.06) / lanes_, f"{level} dB"), (_WAVE * (i + 0.5) / lanes_, name or "0")]
    return tuple(marks)


def spectrogram(view: View) -> Track | None:
    """The picture as PNG, stretched to its place in time."""
    task = view.heard("overview")
    columns, bands = view.number(task, "spectrogram", "columns"), view.number(task, "spectrogram", "bands")
    packed = view.get(task, "spectrogram", "cells")
    if not columns or not bands or not packed or view.duration <= 0:
        return None
    cells = np.frombuffer(base64.b64decode(packed), np.uint8).reshape(int(columns), int(bands))
    span = view.number(task, "spectrogram", "seconds_per_column") or 0.0
    start = view.number(task, "spectrogram", "start") or 0.0
    low, high = (view.number(task, "spectrogram", name) or 0.0 for name in ("lowest", "highest"))
    step = view.number(task, "spectrogram", "decibels_per_step") or 0.0
    place = f"left:{100 * start / view.duration:.3f}%;width:{100 * columns * span / view.duration:.3f}%"
    picture = el("img", src=png.data_uri(np.ascontiguousarray(cells.T[::-1])), alt="", style=place, draggable="false")
    marks = tuple(
        (1 - (mel(hz) - mel(low)) / (mel(high) - mel(low)), f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz")
        for hz in (125, 250, 500, 1000, 2000, 4000, 8000)
        if hz not in (125, 250) or mel(high) - mel(low) < 15
    )
    data = {"low": mel(low), "high": mel(high), "start": start, "span": columns * span, "db": step}
    legend = join("quiet", el("i", class_="ramp"), f"loud · {255 * step:.0f} dB from end to end")
    what = f"Spectrogram from {low:.0f} to {high:.0f} Hz over {amount(view.duration, 'clock')}"
    return Track("spectrogram", "Spectrogram", what, picture, marks, data, legend if cells.any() else "Silence.")


def mel(hz: float) -> float:
    """Slaney's scale."""
    return hz * 3 / 200 if hz < 1000 else 15 + log(hz / 1000) * 27 / log(6.4)


def loudness(view: View) -> Track | None:
    """Short-term loudness, its gaps left open, with the integrated level across."""
    values = view.get("perceptual", "curve", "values")
    start, step = (view.number("perceptual", "curve", name) for name in ("start", "step"))
    if not isinstance(values, list) or not numbers(values) or not step or view.duration <= 0:
        return None
    level, known = view.number("perceptual", "loudness"), numbers(values)
    high = 5 * ceil((max([*known, level or -70.0]) + 0.5) / 5)
    low = 5 * (max(min(known), high - 45) // 5)
    points = _course([number(value) for value in values], start or 0.0, step)
    scale = _POINTS / view.duration

    def y(value: float) -> float:
        return 100 * (high - max(value, low)) / (high - low)

    line, area = _line([(scale * t, y(v) if v is not None else None) for t, v in points])
    shapes = [el("path", d=area, class_="area"), el("path", d=line, class_="line")]
    if level is not None:
        shapes.append(el("path", d=f"M0 {y(level):.2f}H{_POINTS}", class_="level"))
    gap = 5 if high - low <= 25 else 10
    levels = range(int(high) // gap * gap, int(low) - 1, -gap)
    rules = "".join(f"M0 {y(at):.2f}H{_POINTS}" for at in levels)
    marks = tuple((y(at) / 100, amount(at)) for at in levels)
    data: dict[str, Any] = {"start": points[0][0], "step": points[1][0] - points[0][0] if len(points) > 1 else step}
    data["values"] = [None if v is None else round(v, 1) for _, v in points]
    legend = join(el("i", class_="key k-line"), "three-second window (LUFS)")
    if level is not None:
        legend = join(legend, el("i", class_="key k-level"), f"integrated {amount(level, 'LUFS')}")
    what = f"Loudness over time, from {amount(min(known))} to {amount(max(known))} LUFS"
    return Track(
        "loudness",
        "Loudness",
        what,
        drawn(join(el("path", d=rules, class_="rule"), *shapes), _POINTS),
        marks,
        data,
        legend,
    )


def _course(values: list[float | None], start: float, step: float) -> list[tuple[float, float | None]]:
    """At most 1000 points: (s, mean of its group)."""
    group = ceil(len(values) / _POINTS)
    points: list[tuple[float, float | None]] = []
    for at in range(0, len(values), group):
        known = [value for value in values[at : at + group] if value is not None]
        middle = start + step * (at + (group - 1) / 2)
        points.append((middle, sum(known) / len(known) if known else None))
    return points


def _line(points: Sequence[tuple[float, float | None]]) -> tuple[str, str]:
    """The line and the area beneath it, in pieces where there is nothing."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None:
            pieces.append([])
        else:
            pieces[-1].append((x, y))
    line, area = "", ""
    for piece in pieces:
        if not piece:
            continue
        if len(piece) == 1:  # a point of its own would not be seen
            piece = [(piece[0][0] - 1.5, piece[0][1]), (piece[0][0] + 1.5, piece[0][1])]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in piece)
        line += f"M{path}"
        area += f"M{piece[0][0]:.1f} 100L{path}L{piece[-1][0]:.1f} 100Z"
    return line, area
