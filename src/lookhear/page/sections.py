"""One report as an article. Each drawing belongs to a task; tasks the page does not know get a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os.path import basename
from typing import Any

from lookhear.page import cards, film, keys, labels, music, pictures, said, sightings, speech, tracks
from lookhear.page.markup import Child, Html, card, el, join
from lookhear.page.notices import notices
from lookhear.page.numbers import MISSING, amount, clock, numbers, size
from lookhear.page.tables import plain_table, task_table
from lookhear.page.tiles import tiles
from lookhear.page.view import View

_TRACKS: tuple[Callable[[View], tracks.Track | None], ...] = (
    film.strip,
    film.courses,
    tracks.waveform,
    tracks.spectrogram,
    tracks.loudness,
    speech.speech,
)
_CARDS: tuple[Callable[[View], Html | None], ...] = (
    film.scenes_card,
    said.transcript_card,
    pictures.picture_card,
    said.caption_card,
    sightings.sightings_card,
    labels.tags_card,
    labels.places_card,
    pictures.text_card,
    pictures.colors_card,
    cards.rhythm_card,
    keys.key_card,
    music.words_card,
    cards.levels_card,
    cards.quality_card,
    cards.sound_card,
)
_DRAWN_ONLY = frozenset({"overview", "sound_overview"})  # their values are the drawing
_CLOSED = frozenset(
    {"similarity", "duplicates", "sound_duplicates", "technical", "spectral", "visual", "scenes", "faces", "objects"}
    | {"speech", "music_tags", "notes", "transcript", "embedding", "face_embedding", "caption", "tags", "places"}
)
_NAMES = {"mir": "Rhythm and key", "perceptual": "Listening", "spectral": "Spectrum", "technical": "File"}
_NAMES |= {
    "ocr": "Text",
    "similarity": "Similarity vectors",
    "duplicates": "Fingerprint",
    "sound_duplicates": "Fingerprint of the sound",
}


def article(view: View) -> Html:
    """Everything about one medium."""
    parts = [_guarded("header", lambda: header(view)), _guarded("summary", lambda: tiles(view))]
    parts += [_guarded("notices", lambda: notices(view)), _timeline(view)]
    drawn = [_guarded(draw.__name__, lambda draw=draw: draw(view)) for draw in _CARDS]  # type: ignore[misc]
    parts.append(el("div", [one for one in drawn if one], class_="cards"))
    parts += [_numbers(view), _guarded("provenance", lambda: _origin(view))]
    return el("article", parts, id=view.anchor)


def _guarded(name: str, draw: Callable[[], Child]) -> Html:
    """What ``draw`` makes; what it cannot make costs this part only."""
    try:
        return join(draw())
    except Exception as error:
        what = f"This part of the page ({name}) could not be made: {type(error).__name__}: {error}"
        return el("section", el("p", what, class_="notice error"), class_="card")


def header(view: View) -> Html:
    """Name, tags and technical facts."""
    facts, tags = view.report.medium, view.get("technical", "tags")
    tags = {str(k): str(v) for k, v in (tags if isinstance(tags, dict) else facts.probe.tags).items()}
    title = tags.get("title") or basename(facts.name.rstrip("/")) or facts.name
    by = [tags[name] for name in ("artist", "album", "date", "genre") if tags.get(name)]
    chips = [el("li", chip) for chip in _chips(view)]
    return el(
        "header",
        el("p", el("bdi", facts.name), class_="path"),
        el("h2", el("bdi", title)),
        el("p", *_between(by), class_="by") if by else None,
        el("ul", chips, class_="chips", aria_label="Technical facts") if chips else None,
    )


def _between(words: Iterable[str]) -> list[Child]:
    parts: list[Child] = []
    for word in words:
        parts += [" · " if parts else None, el("bdi", word)]
    return parts


def _chips(view: View) -> list[str]:
    facts, probe = view.report.medium, view.report.medium.probe
    sound = probe.sound
    rate, depth = (sound.sample_rate, sound.bits_per_sample) if sound else (None, None)
    speed = view.number("technical", "bit_rate") or probe.bit_rate
    moving = probe.moving
    frames = view.number("technical", "frame_rate") or (moving.frame_rate if moving else None)
    chips = [
        facts.kind,
        probe.container_name,
        moving.codec if moving else None,
        " × ".join(f"{side:.0f}" for side in numbers(view.get("technical", "resolution"))),
        f"{frames:.5g} frames/s" if frames else None,
        sound.codec if sound else None,
        f"{rate / 1000:g} kHz" if rate else None,
        f"{depth} bit" if depth else None,
        (sound.layout or f"{sound.channels} channels") if sound else None,
        amount(speed, "bit/s") if speed else None,
        size(facts.size) if facts.size is not None else None,
    ]
    return [str(chip) for chip in chips if chip]


def _timeline(view: View) -> Html:
    parts: list[Html] = []
    for make in _TRACKS:
        made: list[tracks.Track] = []

        def draw(make: Any = make, made: list[tracks.Track] = made) -> Child:
            track = make(view)
            made += [track] if track else []
            return track.html(view.duration) if track else None

        parts.append(_guarded(make.__name__, draw))
    shown = [part for part in parts if part]
    if not shown:
        return Html("")
    return card("Over time", el("div", shown, class_="tracks", data_seconds=f"{view.duration:.6f}"), class_="timeline")


def _numbers(view: View) -> Html:
    parts = []
    for task in view.values:
        if task in _DRAWN_ONLY:
            continue
        name = _NAMES.get(task, task.replace("_", " ").capitalize())
        summary = el("summary", el("span", name), el("code", task))
        body = _guarded(f"table of {task}", lambda task=task: task_table(view, task))  # type: ignore[misc]
        parts.append(el("details", summary, body, class_="card", open=task not in _CLOSED))
    return el("section", el("h3", "All values"), parts, class_="values") if parts else Html("")


def _origin(view: View) -> Html:
    facts, timings = view.report.medium, view.report.timings
    rows: list[tuple[str, Child]] = [
        ("File", el("bdi", facts.name)),
        ("SHA-256", el("code", facts.sha256 or MISSING)),
        ("xxHash64", el("code", facts.xxh64 or MISSING)),
        ("Size", MISSING if facts.size is None else f"{facts.size} bytes"),
    ]
    total = timings.get("total")
    if total:
        faster = f", {view.duration / total:.0f} times as fast as it plays" if view.duration > total else ""
        rows.append(("Time taken", f"{total:.2f} s{faster}"))
    made = [
        (
            finding.task,
            finding.provenance.task_version,
            finding.provenance.library_version,
            ", ".join(f"{model.name} {model.version}" for model in finding.provenance.models) or MISSING,
            ", ".join(f"{name}={value}" for name, value in finding.provenance.options.items()) or MISSING,
            finding.provenance.config_hash,
            _seconds(timings.get(finding.task)),
        )
        for finding in view.report.findings
    ]
    titles = ("Task", "Version", "Lookhear", "Model", "Options", "Config", "CPU time")
    head = el("thead", el("tr", [el("th", title, scope="col") for title in titles]))
    body = el("tbody", [el("tr", [el("td", cell) for cell in row]) for row in made])
    whole = el("div", el("table", head, body, class_="wide"), class_="scroll")
    others = [(name, _seconds(value)) for name, value in timings.items() if name not in {"total", *view.values}]
    summary = el("summary", el("span", "Where this comes from"))
    return el("details", summary, plain_table(rows), whole, plain_table(others), class_="card origin")


def _seconds(value: float | None) -> str:
    return MISSING if value is None else f"{1000 * value:.0f} ms" if value < 1 else clock(value)
