"""Scenes as lists that other programs read: CSV, OpenTimelineIO, and edit decision lists of CMX 3600."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any
from urllib.parse import unquote

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange

from lookhear.errors import InputError

Rows = Sequence[dict[str, Any]]
_COLUMNS = ("scene", "start", "end", "duration", "start_frame", "end_frame", "key_frame", "key_time", "transition")
MARK = "scenes by Lookhear"  #: in the names of timelines, by which those may be told that may be written over
_SLOWEST = 24.0  # frames/s that editors commonly know
_MOST_EVENTS = 999  # that CMX 3600 can number


def csv_text(rows: Rows) -> str:
    """A line per scene; times in s, frames from 0, ``end_frame`` the first one after the scene."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def timeline(place: str, rows: Rows, facts: dict[str, Any], *, time_codes: bool = False) -> Any:
    """A clip per scene of the film at that URL, on a video track and, where there is sound, on an audio track.

    Frames count at the film's own rate where it is constant; else, and with ``time_codes`` where those do not know that
    rate, at the nearest they know, from the times of the scenes. A time code in the film's tags is where they begin.
    """
    exact = float(Fraction(facts.get("frame_rate_exact") or 0))
    if exact and time_codes and not RationalTime.is_smpte_timecode_rate(exact):
        exact = 0.0
    # of rates below any that time codes know, the nearest is told as 0
    rate = exact or RationalTime.nearest_smpte_timecode_rate(facts.get("frame_rate") or 25) or _SLOWEST
    first = RationalTime(0, rate)
    with suppress(ValueError):  # no time code, or none of this rate
        first = RationalTime.from_timecode(facts["tags"].get("timecode", ""), rate)

    def at(row: dict[str, Any], name: str) -> RationalTime:
        frame = row[f"{name}_frame"] if exact else round(row[name] * rate)
        return RationalTime(frame, rate)

    whole = TimeRange(first, at(rows[-1], "end")) if rows else TimeRange(first, RationalTime(0, rate))
    name = unquote(place.rpartition("/")[2])
    made = otio.schema.Timeline(name=f"{name} ({MARK})", global_start_time=RationalTime(0, rate))
    kinds = [otio.schema.TrackKind.Video] + [otio.schema.TrackKind.Audio] * bool(facts.get("has_audio"))
    for kind in kinds:
        track = otio.schema.Track(name=kind, kind=kind)
        for row in rows:
            start, end = at(row, "start"), at(row, "end")
            known = {key: row[key] for key in ("scene", "key_frame", "key_time", "transition", "probability")}
            track.append(
                otio.schema.Clip(
                    name=name,
                    media_reference=otio.schema.ExternalReference(place, whole),
                    source_range=TimeRange(first + start, end - start),
                    metadata={"lookhear": known},
                )
            )
        made.tracks.append(track)
    return made


def otio_text(made: Any) -> str:
    """As JSON of OpenTimelineIO."""
    return str(otio.adapters.write_to_string(made, "otio_json"))


def edl_text(made: Any) -> str:
    """Its video track, made with ``time_codes``, as a list of edits.

    Raises InputError for more scenes than such a list can number.
    """
    if len(made.video_tracks()[0]) > _MOST_EVENTS:
        count = len(made.video_tracks()[0])
        raise InputError(
            f"An EDL numbers {_MOST_EVENTS} scenes at most, and there are {count}. Use --otio or --csv, or raise "
            "--min-scene-length."
        )
    rate = made.global_start_time.rate
    pictures = otio.schema.Timeline(name=made.name)
    pictures.tracks.append(made.video_tracks()[0].deepcopy())
    return str(otio.adapters.write_to_string(pictures, "cmx_3600", rate=rate, style="avid"))
