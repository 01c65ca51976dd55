"""HTML that is safe by construction: text is escaped unless it was made here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from itertools import zip_longest

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_VOID = frozenset({"br", "img", "meta", "hr"})


class Html(str):
    """Markup that may go out as it is."""

    __slots__ = ()


Child = str | int | float | None | Iterable["Child"]


def text(value: str) -> Html:
    """``value`` as text: escaped, and without what no HTML document may hold (controls, lone surrogates)."""
    whole = value.encode("utf-8", "replace").decode("utf-8")
    return Html(escape(_CONTROL.sub("\ufffd", whole), quote=True))


def join(*children: Child) -> Html:
    """Children side by side."""
    return Html("".join(_child(child) for child in children))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, (str, int, float)):
        return text(str(child))
    return "".join(_child(one) for one in child)


def el(tag: str, *children: Child, **attributes: str | int | float | bool | None) -> Html:
    """An element. ``class_`` is class, ``aria_label`` aria-label; None and False leave an attribute out."""
    parts = [tag]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        parts.append(name if value is True else f'{name}="{text(str(value))}"')
    if tag in _VOID:
        return Html(f"<{' '.join(parts)}>")
    return Html(f"<{' '.join(parts)}>{join(*children)}</{tag}>")


def card(title: str, *children: Child, class_: str = "") -> Html:
    """A titled block of the page."""
    return el("section", el("h3", title), *children, class_=f"card {class_}".strip())


def meter(share: float | None, label: str) -> Html:
    """A thin bar that is filled to ``share``."""
    if share is None:
        return Html("")
    percent = round(100 * min(1.0, max(0.0, share)))
    bar = el("i", style=f"width:{percent}%")
    return el(
        "span", bar, class_="meter", role="img", aria_label=f"{label}: {percent} %", title=f"{label}: {percent} %"
    )


def ranked(rows: Iterable[tuple[str, float | None]], label: str, beside: Iterable[Child] = ()) -> Html:
    """Alternatives with their shares as bars, and what stands beside each."""
    lines = [
        el(
            "li",
            el("span", el("bdi", name)),
            meter(share, name),
            el("b", "—" if share is None else f"{100 * share:.0f} %"),
            more,
        )
        for (name, share), more in zip_longest(rows, beside)
    ]
    return el("ul", lines, class_="ranked", aria_label=label) if lines else Html("")
