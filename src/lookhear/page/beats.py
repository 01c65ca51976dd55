"""Beats and bars beneath the waveform, thinned out where they would run into each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from lookhear.page.markup import Child, Html, el, join
from lookhear.page.numbers import numbers
from lookhear.page.view import View

_MOST_BARS, _MOST_BEATS = 260, 520  # that can be told apart across a page
_MOST_READ = 6000  # that the page carries for the readout


@dataclass(frozen=True)
class Lanes:
    """What lies over and under the waveform."""

    html: Child = None
    legend: Child = None
    summary: str = ""
    data: dict[str, Any] = field(default_factory=dict)


def lanes(view: View) -> Lanes:
    """Bars as lines through the waveform, beats as ticks in a lane of their own."""
    beats = [t for t in numbers(view.get("mir", "beats")) if 0 <= t <= view.duration]
    bars = [t for t in numbers(view.get("mir", "downbeats")) if 0 <= t <= view.duration]
    if not beats:
        return Lanes(summary="No beats.")
    every = ceil(len(bars) / _MOST_BARS)
    shown_bars = bars[:: every or 1]
    shown_beats = beats if len(beats) <= _MOST_BEATS else []
    svg = el(
        "svg",
        el("path", d=_ticks(shown_beats, view.duration, 92, 97), class_="beat"),
        el("path", d=_ticks(shown_bars, view.duration, 89, 100), class_="bar"),
        el("path", d=_ticks(shown_bars, view.duration, 0, 89), class_="barline"),
        viewBox="0 0 10000 100",
        preserveAspectRatio="none",
        class_="over",
        aria_hidden="true",
        focusable="false",
    )
    data: dict[str, Any] = {}
    if len(beats) <= _MOST_READ:
        data = {"beats": [round(t, 2) for t in beats], "bars": [round(t, 2) for t in bars]}
    summary = f"{len(beats)} beats in {len(bars)} bars." if bars else f"{len(beats)} beats."
    return Lanes(svg, _legend(shown_beats, shown_bars, every), summary, data)


def _ticks(times: Sequence[float], duration: float, top: int, bottom: int) -> str:
    return "".join(f"M{10000 * t / duration:.0f} {top}V{bottom}" for t in times)


def _legend(beats: Sequence[float], bars: Sequence[float], every: int) -> Html:
    parts: list[Child] = []
    if beats:
        parts += [el("i", class_="key k-beat"), "beats"]
    if bars:
        parts += [el("i", class_="key k-bar"), "bars" if every == 1 else f"every {every}th bar"]
    return join(*parts)
