"""What was measured on rendered music, as tables."""

from __future__ import annotations

import math

from evals.music.excerpts import excerpts, marked
from evals.music.render import rendered
from evals.rhythm_and_key import Judged, judge
from evals.tables import markdown

FIGURES = {
    "tempo": ("Accuracy1", "Accuracy2"),
    "beats": ("beat F", "CMLt", "AMLt", "downbeat F"),
    "meter": ("metre",),
    "key": ("key exact", "key weighted", "no key"),
}
_ERRORS = ["right", "relative", "fifth", "parallel", "other", "none"]
_NOTE = """Rendered from MIDI with two soundfonts. Tempo counts quarters, in 6/8 dotted quarters; Accuracy1 is within 4 %,
Accuracy2 also at 2, 3, 1/2 or 1/3 of it. Peers answer with the key profile that does best on this very set ({profiles});
they give no metre. The sets that weights were fitted on (`--set tune` and others) have other seeds and players, but
were written by the same composer, so these figures flatter whoever was fitted on them. Of {count} clips, a share of 0.90
is known to ±{half:.2f}. In the style "percussion" (report) the drums alternate evenly: nothing in them tells which
strong beat begins the bar.
"""
_CUT = """Excerpts begin anywhere in a bar and end before the last one: neither edge gives away the tonic or the downbeat.
"""
_MARKED = """"Marked" pieces have notes outside the scale that a key shares with its relative; in excerpts of the others only
emphasis tells the two apart.
"""


def tables(name: str, jobs: int, wanted: list[str]) -> str:
    """Whole pieces, their excerpts, kinds of key errors, metres, and every style."""
    columns = [figure for group in wanted for figure in FIGURES[group]]
    note = "" if name == "report" else " (the set that was tuned on)"
    whole, parts = judge(rendered(name), jobs), judge(excerpts(name), jobs)
    blocks = [
        markdown(f"Rendered music, {len(whole.truths)} pieces of half a minute{note}", columns, whole.systems()),
        _notes(whole),
        markdown(f"The same, cut out of the middle{note}", columns, parts.systems()),
        _CUT,
    ]
    if "key" in wanted:
        clear = marked(name)
        rows = {
            f"{system}, {kind}{which}": row
            for kind, judged in (("pieces", whole), ("excerpts", parts))
            for which, among in (("", None), (", marked", clear))
            for system, row in judged.key_errors(among).items()
        }
        blocks.append(markdown("Keys: right, or wrong by how much", _ERRORS, rows))
        blocks.append(_MARKED)
    if "meter" in wanted:
        meters = whole.meters()
        given = sorted({str(answer) for row in meters.values() for answer in row})
        blocks.append(markdown("Lookhear's time signatures (pieces; rows are the truth)", given, meters))
    blocks.append(markdown("Rendered music by style (pieces)", columns, whole.styles()))
    return "\n".join(blocks)


def _notes(judged: Judged) -> str:
    profiles = [f"{system}: {said[0]['profile']}" for system, said in judged.said.items() if "profile" in said[0]]
    count = len(judged.truths)
    return _NOTE.format(profiles=", ".join(profiles), count=count, half=1.96 * math.sqrt(0.9 * 0.1 / count))
