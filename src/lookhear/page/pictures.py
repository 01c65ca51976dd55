"""The picture itself, and its colours."""

from __future__ import annotations

from typing import Any

from lookhear.page.cards import fact_list
from lookhear.page.markup import Child, Html, card, el
from lookhear.page.numbers import clock, number, numbers
from lookhear.page.sightings import outlines
from lookhear.page.view import View

_CHANNELS = ("red", "green", "blue")


def picture_card(view: View) -> Html | None:
    """What was looked at."""
    preview = view.get("overview", "preview")
    if not preview or view.report.medium.probe.picture is None:
        return None
    width, height = view.number("overview", "width"), view.number("overview", "height")
    image = el("img", src=f"data:image/jpeg;base64,{preview}", alt="The picture", width=width, height=height)
    return card("Picture", el("div", image, _boxes(view), class_="boxed"), class_="picture")


def _boxes(view: View) -> Html | None:
    """Outlines of what was found, over the picture."""
    picture = view.report.medium.probe.picture
    shapes: list[Child] = [
        el("polygon", el("title", row.get("text")), points=_corners(row.get("polygon")), class_="text-box")
        for row in view.rows("ocr", "regions")
    ]
    shapes += outlines(view)
    if picture is None or not shapes:
        return None
    box = f"0 0 {picture.width} {picture.height}"
    return el("svg", shapes, viewBox=box, preserveAspectRatio="none", class_="boxes", aria_hidden="true")


def _corners(polygon: Any) -> str:
    points = [(number(point.get("x")), number(point.get("y"))) for point in polygon or () if isinstance(point, dict)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points if x is not None and y is not None)


def text_card(view: View) -> Html | None:
    """What is written in it; in a film, when."""
    if view.report.medium.kind == "video":
        rows = view.rows("ocr", "appearances")
        lines = [el("li", el("small", f"{_from(row)} "), el("bdi", row.get("text"))) for row in rows]
        return card("Text", el("ul", lines, class_="written")) if lines else None
    written = view.get("ocr", "text")
    return card("Text", el("p", written, class_="written")) if written else None


def _from(row: dict[str, Any]) -> str:
    return f"{clock(number(row.get('start')) or 0.0)}–{clock(number(row.get('end')) or 0.0)}"


def colors_card(view: View) -> Html | None:
    """Dominant colours as a strip with their names, and the histogram."""
    colors = view.rows("colors", "dominant")
    if not colors:
        return None
    strip: list[Child] = []
    names: list[Child] = []
    for color in colors:
        share, name = number(color.get("share")) or 0.0, str(color.get("hex"))
        strip.append(el("i", style=f"background:{name};flex-grow:{share:.4f}", title=f"{name}, {100 * share:.0f} %"))
        names.append(el("li", el("i", style=f"background:{name}"), el("code", name), f" {100 * share:.0f} %"))
    facts = (
        ("Brightness", "colors", ("brightness",), "%"),
        ("Contrast", "colors", ("contrast",), "%"),
        ("Saturation", "colors", ("saturation",), "%"),
        ("Colourfulness", "colors", ("colorfulness",), ""),
    )
    label = "Dominant colours by area: " + ", ".join(str(color.get("hex")) for color in colors)
    return card(
        "Colours",
        el("div", strip, class_="palette", role="img", aria_label=label),
        el("ul", names, class_="swatches"),
        _histogram(view),
        fact_list(view, facts),
    )


def _histogram(view: View) -> Html | None:
    """Three outlines over one another, dark on the left."""
    channels = [numbers(view.get("colors", "histogram", name)) for name in _CHANNELS]
    if not all(len(channel) > 1 for channel in channels):
        return None
    top = max(max(channel) for channel in channels) or 1.0
    paths = []
    for name, channel in zip(_CHANNELS, channels, strict=True):
        step = 100 / (len(channel) - 1)
        points = "L".join(f"{i * step:.2f} {40 - 38 * value / top:.2f}" for i, value in enumerate(channel))
        paths.append(el("path", d=f"M0 40L{points}L100 40Z", class_=name))
    words = "Histogram of red, green and blue from dark to bright"
    return el(
        "svg", paths, viewBox="0 0 100 40", preserveAspectRatio="none", class_="rgb", role="img", aria_label=words
    )
