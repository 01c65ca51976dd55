"""What listeners would say of the music: genre, instruments, mood, words."""

from __future__ import annotations

from typing import Any

from lookhear.page.markup import Child, Html, card, el, ranked
from lookhear.page.numbers import number
from lookhear.page.view import View

_SHOWN = 5


def words_card(view: View) -> Html | None:
    """Bars of the likeliest genres, instruments and words."""
    if "music_tags" not in view.values and "genre" not in view.values:
        return None
    parts: list[Child] = []
    for title, rows in (
        ("Genre", _best(view.get("genre", "probabilities"))),
        ("Instruments", _named(view.rows("instruments", "instruments"))),
        ("Words", _named(view.rows("music_tags", "tags"))),
    ):
        if rows:
            parts += [el("h4", title), ranked(rows, title)]
    arousal = view.number("mood", "arousal")
    if arousal is not None:
        parts += [el("h4", "Mood"), ranked([("calm to stirred", arousal)], "Arousal")]
    return card("As listeners would say", *parts) if parts else None


def _best(values: Any) -> list[tuple[str, float | None]]:
    if not isinstance(values, dict):
        return []
    return [(str(name), number(value)) for name, value in list(values.items())[:_SHOWN]]


def _named(rows: list[dict[str, Any]]) -> list[tuple[str, float | None]]:
    return [(str(row.get("label")), number(row.get("probability", row.get("score")))) for row in rows[:_SHOWN]]
