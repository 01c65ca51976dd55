"""Rhythm, levels and quality at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

from lookhear.page.markup import Child, Html, card, el, join, meter, ranked
from lookhear.page.numbers import MISSING, amount, number, numbers
from lookhear.page.view import View

Fact = tuple[str, str, tuple[str, ...], str]  #: name, task, path, unit


def fact_list(view: View, rows: Sequence[Fact]) -> Html:
    """Name and value of (name, task, path, unit); a missing one says why."""
    items: list[Html] = []
    for name, task, path, unit in rows:
        if task not in view.values:
            continue
        value = view.get(task, *path)
        found = number(value)
        if found is not None:
            items.append(el("div", el("dt", name), el("dd", amount(found, unit))))
        else:
            why = view.why(task, path[0])
            items.append(el("div", el("dt", name), el("dd", MISSING, el("small", why), class_="reason")))
    return el("dl", items, class_="facts") if items else Html("")


def rhythm_card(view: View) -> Html | None:
    """Tempo and its alternatives, metre, how steady it is."""
    if "mir" not in view.values:
        return None
    tempo, sure = view.number("mir", "tempo"), view.number("mir", "tempo_confidence")
    body: list[Child] = []
    if tempo is None:
        body += [el("p", "No tempo", class_="big"), el("p", view.why("mir", "tempo"), class_="reason")]
    else:
        signature = view.get("mir", "meter")
        body.append(
            el("p", f"{tempo:.1f}", el("small", " BPM"), el("span", signature, class_="signature"), class_="big")
        )
        body += [
            meter(sure, "Tempo confidence"),
            el("p", f"confidence {amount(round(sure or 0, 2), '%')}", class_="sub"),
        ]
        rows = [
            (amount(bpm, "BPM") if (bpm := number(row.get("bpm"))) is not None else MISSING, number(row.get("weight")))
            for row in view.rows("mir", "tempo_candidates")
        ]
        body += [el("h4", "Readings"), ranked(rows, "Tempos and how likely each is")]
    counted = [
        (len(numbers(view.get("mir", name))), word) for name, word in (("beats", "beats"), ("downbeats", "bars"))
    ]
    if tempo is not None:
        body.append(el("p", " in ".join(f"{count} {word}" for count, word in counted if count), class_="sub"))
    facts: list[Fact] = [
        ("Metre confidence", "mir", ("meter_confidence",), "%"),
        ("Beat strength", "mir", ("beat_strength",), "%"),
        ("Tempo stability", "mir", ("tempo_stability",), "%"),
        ("Onsets", "mir", ("onset_rate",), "per second"),
    ]
    return card("Rhythm", *body, fact_list(view, facts if tempo is not None else facts[1::2]))


_TARGETS = ((-23.0, "broadcast"), (-14.0, "streaming"))
_LOW, _HIGH = -50.0, 3.0


def levels_card(view: View) -> Html | None:
    """Loudness, range and peaks on one scale."""
    quality = view.heard("quality")
    if view.report.medium.kind == "image" or not {"perceptual", quality} & view.values.keys():
        return None
    level, spread = view.number("perceptual", "loudness"), view.number("perceptual", "loudness_range")
    peak = view.number(quality, "true_peak")
    body: list[Child] = []
    if "perceptual" in view.values:
        big = (
            el("p", f"{level:.1f}".replace("-", "−"), el("small", " LUFS"), class_="big") if level is not None else None
        )
        body.append(big or el("p", "No loudness", class_="big"))
        body.append(None if big else el("p", view.why("perceptual", "loudness"), class_="reason"))
    if level is not None or peak is not None:
        body.append(_scale(view, level, spread, peak))
    facts: list[Fact] = [
        ("Integrated", "perceptual", ("loudness",), "LUFS"),
        ("Range", "perceptual", ("loudness_range",), "LU"),
        ("Loudest passage", "perceptual", ("loudness_short_term_max",), "LUFS"),
        ("Loudest moment", "perceptual", ("loudness_momentary_max",), "LUFS"),
        ("True peak", quality, ("true_peak",), "dBTP"),
        ("Dynamic range", "perceptual", ("dynamic_range",), "dB"),
    ]
    return card("Levels", *body, fact_list(view, facts if level is not None else facts[4:]))


def _scale(view: View, level: float | None, spread: float | None, peak: float | None) -> Html:
    def x(value: float) -> float:
        return 100 * (min(_HIGH, max(_LOW, value)) - _LOW) / (_HIGH - _LOW)

    marks: list[Child] = [
        el("em", el("span", f"{word} {amount(at)}"), style=f"left:{x(at):.2f}%", class_="target")
        for at, word in _TARGETS
    ]
    body: list[Child] = []
    if level is not None:
        body.append(el("i", style=f"width:{x(level):.2f}%", class_="fill"))
    if level is not None and spread is not None:
        body.append(el("i", style=_span(x(level - spread / 2), x(level + spread / 2)), class_="spread"))
    top = view.number("perceptual", "loudness_momentary_max")
    if top is not None:
        body.append(el("i", style=f"left:{x(top):.2f}%", class_="pin"))
    if peak is not None:
        body.append(el("i", style=f"left:{x(peak):.2f}%", class_="pin over" if peak > 0 else "pin peak"))
    zero = el("i", style=f"left:{x(0):.2f}%;right:0", class_="over-zone")
    words = [
        f"integrated {amount(level, 'LUFS')}" if level is not None else "",
        f"range {amount(spread, 'LU')}" if spread is not None else "",
        f"true peak {amount(peak, 'dBTP')}" if peak is not None else "",
    ]
    label = "Level scale from −50 to +3 dB: " + ", ".join(word for word in words if word)
    ticks = [el("span", amount(at), style=f"left:{x(at):.2f}%") for at in (-50, -40, -30, -20, -10, 0)]
    keys = (("fill", "integrated"), ("spread", "range"), ("pin", "loudest moment"), ("peakpin", "true peak"))
    legend = [(el("i", class_=f"key k-{kind}"), word) for kind, word in keys]
    parts = (
        el("div", marks, class_="targets"),
        el("div", zero, body, class_="bar"),
        el("div", ticks, class_="xlabels"),
    )
    return join(
        el("div", parts, class_="scale", role="img", aria_label=label),
        el("p", legend, class_="legend"),
    )


def _span(left: float, right: float) -> str:
    return f"left:{left:.2f}%;width:{max(0.4, right - left):.2f}%"


_SOUND_FACTS = (
    ("Bandwidth", ("bandwidth",), "Hz"),
    ("Signal to noise", ("snr",), "dB"),
    ("Noise floor", ("noise_floor",), "dBFS"),
    ("Clipped places", ("clipping", "runs"), ""),
    ("Share of silence", ("silence", "ratio"), "%"),
    ("Channel correlation", ("channel_correlation",), ""),
)
_SHARP = (("Sharpness", ("sharpness",), "%"), ("Noise", ("noise",), "of 255"), ("Blockiness", ("blockiness",), ""))
_PICTURE_FACTS = (
    *_SHARP,
    ("Contrast", ("contrast",), "%"),
    ("Darkest parts", ("bright",), "%"),
    ("Brightest parts", ("dark",), "%"),
)
_FILM_FACTS = (
    *_SHARP,
    ("Black", ("black_ratio",), "%"),
    ("Frozen", ("frozen_ratio",), "%"),
    ("Combed frames", ("combed_ratio",), "%"),
)


def quality_card(view: View) -> Html | None:
    """Of what it is: sound, picture, or the pictures of a film."""
    kind = view.report.medium.kind
    facts = {"image": _PICTURE_FACTS, "video": _FILM_FACTS}.get(kind, _SOUND_FACTS)
    return _quality(view, "Picture quality" if kind == "video" else "Quality", "quality", facts)


def sound_card(view: View) -> Html | None:
    """Of the sound track of a film."""
    film = view.report.medium.kind == "video"
    return _quality(view, "Sound quality", view.heard("quality"), _SOUND_FACTS) if film else None


def _quality(view: View, title: str, task: str, facts: Sequence[tuple[str, tuple[str, ...], str]]) -> Html | None:
    """The score as a ring, and what it is made of."""
    if task not in view.values:
        return None
    score = view.number(task, "quality_score")
    why = None if score is not None else el("p", view.why(task, "quality_score"), class_="reason")
    count = len(view.rows(task, "problems"))
    said = el("p", "no problems" if not count else "1 problem" if count == 1 else f"{count} problems", class_="sub")
    ring = el("div", _ring(score), el("div", said, why, class_="side"), class_="ringed")
    return card(title, ring, fact_list(view, [(name, task, path, unit) for name, path, unit in facts]))


def grade(score: float) -> str:
    """good, fair or poor."""
    return "good" if score >= 0.85 else "fair" if score >= 0.6 else "poor"


def _ring(score: float | None) -> Html:
    around = 2 * pi * 42
    arc = None
    if score is not None:
        dash = f"{around * min(1.0, max(0.0, score)):.1f} {around:.1f}"
        arc = el("circle", r=42, class_=f"arc {grade(score)}", stroke_dasharray=dash, transform="rotate(-90)")
    label = "No quality score" if score is None else f"Quality score {100 * score:.0f} of 100"
    value = el("text", MISSING if score is None else f"{100 * score:.0f}", y=10)
    parts = (el("title", label), el("circle", r=42, class_="groove"), arc, value)
    return el("svg", parts, viewBox="-50 -50 100 100", class_="ring", role="img", aria_label=label)
