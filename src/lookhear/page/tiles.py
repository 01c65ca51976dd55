"""The few numbers most people want, at the top; also the columns of the table over many files."""

from __future__ import annotations

from dataclasses import dataclass

from lookhear.media.probe import PictureFacts
from lookhear.page.cards import grade
from lookhear.page.keys import key_name, wheel_code
from lookhear.page.markup import Html, el, meter
from lookhear.page.numbers import MISSING, amount, clock, number, numbers
from lookhear.page.view import View


@dataclass(frozen=True)
class Tile:
    """One fact: shown large, with a word beside it; None is a dash with its reason."""

    title: str
    value: str | None
    unit: str = ""
    beside: str = ""
    why: str = ""
    share: float | None = None  #: drawn as a thin bar
    sort: float | str | None = None
    class_: str = ""
    line: str = ""  #: where it stands without its title, and the value alone would say too little

    def html(self) -> Html:
        """The tile."""
        shown = el("p", self.value or MISSING, el("small", f" {self.unit}") if self.value and self.unit else None)
        below = self.beside if self.value else self.why
        note = el("p", below, class_="sub" if self.value else "reason") if below else None
        bar = meter(self.share, "Confidence") if self.value else None
        return el("div", el("h3", self.title), shown, bar, note, class_=f"tile {self.class_}".strip())


def tiles(view: View) -> Html:
    """The row of tiles."""
    return el("div", [tile.html() for tile in facts(view)], class_="tiles")


def facts(view: View) -> list[Tile]:
    """Length, and what the tasks that ran have found."""
    picture = view.report.medium.probe.picture
    if picture is not None and view.report.medium.kind == "image":
        return _of_picture(view, picture)
    found = [Tile("Length", clock(view.duration) if view.duration else None, sort=view.duration, why="Not known.")]
    asked = {*view.values, *(error.task for error in view.report.errors)}
    width, height = (numbers(view.get("technical", "resolution")) + [0.0, 0.0])[:2]
    if width and height:
        found.insert(0, Tile("Size", f"{width:.0f} × {height:.0f}", sort=width * height))
    if "scenes" in view.values:
        count, mean = view.number("scenes", "count") or 0, ""
        if count > 1 and view.duration:
            mean = f"{view.duration / count:.1f} s each"
        found.append(
            Tile("Scenes", f"{count:.0f}", "", mean, sort=count, line=f"{count:.0f} scene{'s' * (count != 1)}")
        )
    if "mir" in asked:
        found += [_tempo(view), _metre(view), _key(view)]
    if "perceptual" in asked:
        found.append(_loudness(view))
    if "quality" in asked:
        found.append(_quality(view))
    return found


def _of_picture(view: View, picture: PictureFacts) -> list[Tile]:
    pixels = picture.width * picture.height
    found = [Tile("Size", f"{picture.width} × {picture.height}", "", f"{pixels / 1e6:.1f} megapixels", sort=pixels)]
    leading = view.rows("colors", "dominant")
    if leading:
        share = number(leading[0].get("share")) or 0.0
        found.append(Tile("Leading colour", str(leading[0].get("hex")), "", f"{100 * share:.0f} % of the area"))
    for title, field in (("Brightness", "brightness"), ("Saturation", "saturation")):
        if (value := view.number("colors", field)) is not None:
            found.append(Tile(title, f"{100 * value:.0f}", "%", share=value, sort=value))
    if "quality" in view.values:
        found.append(_quality(view))
    camera, taken = picture.exif.get("Model"), picture.exif.get("DateTimeOriginal")
    if camera:
        found.append(Tile("Camera", str(camera), "", str(picture.exif.get("Make", "")), class_="words"))
    if taken:
        day, _, hour = str(taken).partition(" ")
        found.append(Tile("Taken", day.replace(":", "-"), "", hour, class_="words"))
    return found


def _tempo(view: View) -> Tile:
    tempo, sure = view.number("mir", "tempo"), view.number("mir", "tempo_confidence")
    value = None if tempo is None else f"{tempo:.1f}"
    beside = "" if sure is None else f"{100 * sure:.0f} % sure"
    return Tile("Tempo", value, "BPM", beside, view.why("mir", "tempo"), sure, tempo)


def _metre(view: View) -> Tile:
    meter_, sure = view.get("mir", "meter"), view.number("mir", "meter_confidence")
    beside = "" if sure is None else f"{100 * sure:.0f} % sure"
    return Tile("Metre", meter_, "", beside, view.why("mir", "meter"), sure, meter_)


def _key(view: View) -> Tile:
    key, mode, sure = view.get("mir", "key"), view.get("mir", "mode"), view.number("mir", "key_strength")
    code = wheel_code(key, mode)
    beside = " · ".join(part for part in (code, f"strength {100 * sure:.0f} %" if sure is not None else None) if part)
    order = None if code is None else f"{int(code[:-1]):02d}{code[-1]}"
    return Tile("Key", key_name(key, mode), "", beside, view.why("mir", "key"), sure, order)


def _loudness(view: View) -> Tile:
    level, spread = view.number("perceptual", "loudness"), view.number("perceptual", "loudness_range")
    peak = view.number(view.heard("quality"), "true_peak")
    parts = [f"range {amount(spread, 'LU')}" if spread is not None else None]
    parts.append(f"peak {amount(peak, 'dBTP')}" if peak is not None else None)
    beside = " · ".join(part for part in parts if part)
    value = None if level is None else amount(level, "LUFS").removesuffix(" LUFS")
    return Tile("Loudness", value, "LUFS", beside, view.why("perceptual", "loudness"), None, level)


def _quality(view: View) -> Tile:
    score, count = view.number("quality", "quality_score"), len(view.rows("quality", "problems"))
    beside = "no problems" if not count else "1 problem" if count == 1 else f"{count} problems"
    value = None if score is None else f"{100 * score:.0f}"
    kind = "" if score is None else grade(score)
    return Tile("Quality", value, "of 100", beside, view.why("quality", "quality_score"), None, score, kind)
