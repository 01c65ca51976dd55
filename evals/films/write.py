"""Films as files: H.264 in MP4, or in Matroska where times are irregular."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from evals.films.camera import SIZE
from evals.films.edit import Film

_CLOCK = 1000  #: ticks per second of irregular times, as Matroska has
_RATES = (Fraction(24), Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(24000, 1001))


def write(film: Film, path: Path) -> None:
    """The film, then its truth beside it; a file of that name is whole."""
    fresh = path.with_name(f".{os.getpid()}-{path.name}")
    regular = path.suffix == ".mp4"
    try:
        _encode(film, fresh, regular)
        path.with_suffix(".json").write_text(json.dumps(film.truth()))
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _encode(film: Film, path: Path, regular: bool) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_rate(film), options={"preset": "veryfast", **film.encoder})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.thread_count = 1
        if film.bit_rate:
            stream.codec_context.bit_rate = film.bit_rate
        clock = 1 / _rate(film) if regular else Fraction(1, _CLOCK)
        stream.codec_context.time_base = clock
        for number, picture in enumerate(film.pictures()):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base = clock
            frame.pts = number if regular else round(float(film.times[number]) * _CLOCK)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _rate(film: Film) -> Fraction:
    """The usual one nearest to the film's."""
    rate = 1 / float(np.median(np.diff(film.times)))
    return min(_RATES, key=lambda one: abs(float(one) - rate))
