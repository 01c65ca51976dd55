"""What is said in it, and what a model says of it: transcript and captions."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lookhear.page.markup import Html, card, el, join
from lookhear.page.moments import lines
from lookhear.page.numbers import amount, clock, number
from lookhear.page.view import View

_UNSURE = 0.37  # exp of the mean log probability -1, below which Whisper hears a passage again


def transcript_card(view: View) -> Html | None:
    """The language, and all that is said with its times; what was hardly understood is dotted."""
    if "transcript" not in view.values:
        return None
    rows = view.rows("transcript", "segments")
    if not rows:
        nothing = el("p", "Nothing is said", class_="big")
        return card("Transcript", nothing, el("p", view.why("transcript", "text"), class_="reason"), class_="all")
    said = [(row, _words(row)) for row in rows]
    unsure = any(isinstance(words, Html) for _, words in said)
    note = el("p", "Dotted: hardly understood.", class_="sub") if unsure else None
    return card("Transcript", _language(view), lines(view, said, "Transcript"), note, class_="all")


def _language(view: View) -> Html:
    code, sure = str(view.get("transcript", "language") or ""), view.number("transcript", "language_probability")
    spoken = view.number("transcript", "speech_seconds")
    parts = [
        f"{100 * sure:.0f} % sure" if sure is not None else "",
        f"{clock(spoken)} of speech" if spoken else "",
    ]
    beside = el("small", " ", " · ".join(part for part in parts if part))
    return el("p", el("bdi", _names().get(code, code) or "Language not known"), beside, class_="language")


@lru_cache(1)
def _names() -> dict[str, str]:
    names: dict[str, str] = tomllib.loads((files("lookhear.page") / "languages.toml").read_text("utf-8"))
    return names


def _words(row: dict[str, Any]) -> str:
    """The text; Html where any of it was hardly understood."""
    whole, words = str(row.get("text") or ""), row.get("words")
    each = words if isinstance(words, list) else []
    heard = [_heard(word, "word", "probability") for word in each if isinstance(word, dict)]
    if "".join(word for word, _ in heard).strip() != whole.strip():
        heard = [_heard(row, "text", "confidence")]
    if all(sure >= _UNSURE for _, sure in heard):
        return whole
    return join(*(word if sure >= _UNSURE else _doubted(word, sure) for word, sure in heard))


def _heard(row: dict[str, Any], words: str, sure: str) -> tuple[str, float]:
    known = number(row.get(sure))
    return str(row.get(words) or ""), 1.0 if known is None else known


def _doubted(words: str, sure: float) -> Html:
    bare = words.lstrip()
    return join(words.removesuffix(bare), el("span", bare, class_="unsure", title=f"{amount(sure, '%')} sure"))


def caption_card(view: View) -> Html | None:
    """The sentence; in a film one for each scene."""
    if "caption" not in view.values:
        return None
    rows = [(row, str(row.get("caption") or "")) for row in view.rows("caption", "captions")]
    if len(rows) > 1:
        return card("Captions", lines(view, rows, "Captions"))
    sentence = view.get("caption", "caption")
    if not sentence:
        return card("Caption", el("p", view.why("caption", "caption"), class_="reason"))
    return card("Caption", el("p", el("bdi", sentence), class_="sentence"))
