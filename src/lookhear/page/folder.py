"""Many media: totals, and a table that can be sorted, with a look at each."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import basename

from lookhear.analysis.report import Refusal
from lookhear.page.markup import Child, Html, el
from lookhear.page.notices import problems
from lookhear.page.numbers import MISSING, clock, numbers
from lookhear.page.tiles import Tile, facts
from lookhear.page.view import View

_COLUMNS = ("Size", "Leading colour", "Length", "Scenes", "Tempo", "Metre", "Key", "Loudness", "Quality")
_POINTS = 120


def overview(answers: Sequence[View | Refusal]) -> Html:
    """Totals and table."""
    views = [answer for answer in answers if isinstance(answer, View)]
    refused, flawed = len(answers) - len(views), sum(problems(view) > 0 for view in views)
    counted = [
        Tile("Files", str(len(answers))),
        Tile("Playing time", clock(sum(view.duration for view in views))),
        Tile("With problems", str(flawed), class_="fair" if flawed else "good"),
        Tile("Refused", str(refused), class_="poor" if refused else "good"),
    ]
    shown = [title for title in _COLUMNS if any(title == tile.title for view in views for tile in facts(view))]
    titles = ("File", "Look", *shown, "Problems")
    head = [el("th", _sorter(title) if title != "Look" else title, scope="col") for title in titles]
    body = [_refused(one, shown) if isinstance(one, Refusal) else _row(one, shown) for one in answers]
    table = el("table", el("thead", el("tr", head)), el("tbody", body), class_="files")
    return el(
        "section",
        el("h1", f"{len(answers)} files"),
        el("div", [tile.html() for tile in counted], class_="tiles"),
        el("div", table, class_="card scroll"),
        class_="folder",
    )


def _sorter(title: str) -> Html:
    return el("button", title, type="button", title=f"Sort by {title.lower()}")


def _row(view: View, shown: Sequence[str]) -> Html:
    by_title = {tile.title: tile for tile in facts(view)}
    name = view.report.medium.name
    link = el("a", el("bdi", basename(name) or name), href=f"#{view.anchor}", title=name)
    wrong = problems(view)
    cells: list[Child] = [el("td", link, data_sort=name.lower()), el("td", thumbnail(view), class_="thumb")]
    cells += [_cell(by_title.get(title)) for title in shown]
    mark = el("span", wrong, class_="pill fair") if wrong else el("span", "none", class_="sub")
    return el("tr", cells, el("td", mark, data_sort=wrong))


def _cell(tile: Tile | None) -> Html:
    if tile is None:
        return el("td", MISSING, class_="reason", title="The task did not run.")
    if tile.value is None:
        return el("td", MISSING, class_="reason", title=tile.why)
    value: Child = el("span", tile.value, class_=f"pill {tile.class_}") if tile.class_ else tile.value
    unit = el("small", f" {tile.unit}") if tile.unit not in ("", "of 100") else None
    return el("td", value, unit, data_sort=tile.sort)


def _refused(refusal: Refusal, shown: Sequence[str]) -> Html:
    name = el(
        "td", el("bdi", basename(refusal.name) or refusal.name), title=refusal.name, data_sort=refusal.name.lower()
    )
    why = el("td", el("b", "Refused: "), refusal.error.message, colspan=len(shown) + 2)
    return el("tr", name, why, class_="refused")


def thumbnail(view: View) -> Html | None:
    """A small picture; of sound the waveform in a hundred strokes."""
    stills = view.rows("overview", "stills")
    small = stills[len(stills) // 3].get("preview") if stills else view.get("overview", "thumbnail")
    if small:
        return el("img", src=f"data:image/jpeg;base64,{small}", alt="", loading="lazy")
    channels = view.rows(view.heard("overview"), "waveform", "channels")
    peaks = numbers(channels[0].get("greatest")) if channels else []
    if not peaks:
        return None
    group = -(-len(peaks) // _POINTS)
    drawn = [max(peaks[at : at + group]) for at in range(0, len(peaks), group)]
    top = max(0.05, *drawn)
    strokes = "".join(f"M{i + 0.5} {12 - 11 * v / top:.1f}V{12 + 11 * v / top:.1f}" for i, v in enumerate(drawn))
    box = f"0 0 {len(drawn)} 24"
    return el("svg", el("path", d=strokes), viewBox=box, preserveAspectRatio="none", class_="spark", aria_hidden="true")
