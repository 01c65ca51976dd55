"""One self-contained page from reports: no script from elsewhere, nothing fetched, fit to be mailed or kept."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from os.path import basename
from string import Template
from typing import Any, Final

from lookhear.analysis.report import Refusal, Report
from lookhear.page.folder import overview
from lookhear.page.markup import Html, el, join, text
from lookhear.page.sections import article
from lookhear.page.tiles import facts
from lookhear.page.view import View

#: What it needs of the tasks beyond their defaults.
OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {"perceptual": {"curve": True}, "speech": {"curve": True}}

Answer = Report | Refusal


def render(report: Report) -> str:
    """The page of one medium."""
    return _page(basename(report.medium.name) or report.medium.name, article(View.of(report, "m0")))


def render_many(answers: Sequence[Answer]) -> str:
    """A table of all, then each in full behind its name."""
    views = [View.of(answer, f"m{i}") if isinstance(answer, Report) else answer for i, answer in enumerate(answers)]
    each = [_folded(view) for view in views if isinstance(view, View)]
    return _page(f"{len(answers)} files", join(overview(views), *each))


def _folded(view: View) -> Html:
    name = view.report.medium.name
    words = " · ".join(tile.line or f"{tile.value} {tile.unit}".strip() for tile in facts(view) if tile.value)
    summary = el("summary", el("bdi", basename(name) or name), el("small", words))
    return el("details", summary, article(view), class_="file")


def _page(title: str, body: Html) -> str:
    here = files("lookhear.page")
    style, script, frame = ((here / name).read_text("utf-8") for name in ("page.css", "page.js", "page.html"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()  # only this script may run
    return Template(frame).substitute(title=text(title), style=style, script=script, digest=digest, body=body)
