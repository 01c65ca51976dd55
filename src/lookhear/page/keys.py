"""Keys as musicians and DJs write them, and the circle of fifths."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

from lookhear.page.markup import Html, card, el, join, meter, ranked
from lookhear.page.numbers import amount, number, numbers
from lookhear.page.view import View

CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_MAJOR = ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_MINOR = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "G♯", "A", "B♭", "B")


def key_name(key: Any, mode: Any) -> str | None:
    """ "A#", "major" -> "B♭ major": as its key signature is written. None where there is no key."""
    if not key:
        return None
    names = _MINOR if mode == "minor" else _MAJOR
    name = names[CLASSES.index(key)] if key in CLASSES else str(key)
    return f"{name} {mode}" if mode else name


def wheel_code(key: Any, mode: Any) -> str | None:
    """The place on the DJ's wheel, 8B for C major, 8A for A minor."""
    if key not in CLASSES or mode not in ("major", "minor"):
        return None
    major = (CLASSES.index(key) + (3 if mode == "minor" else 0)) % 12
    return f"{(7 * major + 7) % 12 + 1}{'A' if mode == 'minor' else 'B'}"


def key_card(view: View) -> Html | None:
    """Circle, pitch classes, alternatives."""
    if "mir" not in view.values and "spectral" not in view.values:
        return None
    key, mode = view.get("mir", "key"), view.get("mir", "mode")
    chroma = numbers(view.get("spectral", "chroma"))
    name, code = key_name(key, mode), wheel_code(key, mode)
    strength = view.number("mir", "key_strength")
    head: list[Html] = [el("p", name or "No key", class_="big")]
    if name:
        tuning = view.number("mir", "tuning")
        facts = [f"wheel {code}" if code else None, f"tuned {amount(tuning, 'cents')}" if tuning is not None else None]
        if strength is not None:
            head += [
                meter(strength, "Key strength"),
                el("p", f"strength {amount(round(strength, 2), '%')}", class_="sub"),
            ]
        head.append(el("p", " · ".join(fact for fact in facts if fact), class_="sub"))
        rows = [
            (key_name(row.get("key"), row.get("mode")) or "?", number(row.get("weight")))
            for row in view.rows("mir", "key_candidates")
        ]
        head.append(ranked(rows, "Keys and how likely each is"))
    else:
        head.append(el("p", view.why("mir", "key"), class_="reason"))
    bars = _classes(chroma, key) if len(chroma) == 12 else None
    return card("Key", el("div", _circle(view), el("div", head, class_="side"), class_="split"), bars)


def _circle(view: View) -> Html:
    """Majors outside, relative minors inside; the key is lit, and the others as dark as they are likely."""
    key, mode = view.get("mir", "key"), view.get("mir", "mode")
    likely = {
        (row.get("key"), row.get("mode")): number(row.get("weight")) for row in view.rows("mir", "key_candidates")
    }
    parts: list[Html] = []
    for i in range(12):
        major, minor = (7 * i) % 12, (7 * i + 9) % 12
        for tone, its, outer, inner in ((major, "major", 116, 82), (minor, "minor", 80, 50)):
            lit = key == CLASSES[tone] and mode == its
            shade = 0.08 + 0.7 * (likely.get((CLASSES[tone], its)) or 0.0)
            path = _wedge(pi * (i - 0.5) / 6, pi * (i + 0.5) / 6, outer, inner)
            kind = "wedge lit" if lit else "wedge"
            parts.append(el("path", d=path, class_=kind, fill_opacity="1" if lit else f"{min(1.0, shade):.2f}"))
            x, y = _at(pi * i / 6, (outer + inner) / 2)
            label = _MAJOR[tone] if its == "major" else f"{_MINOR[tone]}m"
            parts.append(el("text", label, x=f"{x:.1f}", y=f"{y + 4:.1f}", class_="lit" if lit else None))
    middle = wheel_code(key, mode)
    if middle:
        parts.append(el("text", middle, x=0, y=8, class_="middle"))
    title = f"Circle of fifths, {key_name(key, mode) or 'no key'}"
    svg = (el("title", title), *parts)
    return el("svg", svg, viewBox="-120 -120 240 240", class_="circle", role="img", aria_label=title)


def _at(angle: float, radius: float) -> tuple[float, float]:
    return radius * sin(angle), -radius * cos(angle)


def _wedge(begin: float, end: float, outer: float, inner: float) -> str:
    gap = 0.012
    a, b = _at(begin + gap, outer), _at(end - gap, outer)
    c, d = _at(end - gap * outer / inner, inner), _at(begin + gap * outer / inner, inner)
    return (
        f"M{a[0]:.2f} {a[1]:.2f}A{outer} {outer} 0 0 1 {b[0]:.2f} {b[1]:.2f}"
        f"L{c[0]:.2f} {c[1]:.2f}A{inner} {inner} 0 0 0 {d[0]:.2f} {d[1]:.2f}Z"
    )


def _classes(chroma: list[float], key: Any) -> Html:
    """How strongly each pitch class sounds, as bars."""
    loud = max([1e-9, *chroma])
    columns = [
        el(
            "div",
            el("i", style=f"height:{100 * max(0.0, value) / loud:.0f}%"),
            el("span", name.replace("#", "♯")),
            class_="tonic" if name == key else None,
            title=f"{name.replace('#', '♯')}: {100 * value / loud:.0f} % of the strongest",
        )
        for name, value in zip(CLASSES, chroma, strict=True)
    ]
    best = CLASSES[chroma.index(max(chroma))].replace("#", "♯")
    label = f"Strength of the twelve pitch classes; {best} is strongest"
    return join(el("div", columns, class_="chroma", role="img", aria_label=label))
