"""Pictures that move: animated GIF, WebP, AVIF and PNG, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from lookhear.errors import DamagedMedium
from lookhear.media.limits import Limits
from lookhear.media.picture import opened, upright

_SHORTEST, _USUAL = 0.02, 0.1  # s: what is shown for less, browsers show for a tenth of a second


def frames(raw: IO[bytes] | Any, limits: Limits) -> Iterator[tuple[VideoFrame, float, float]]:
    """(frame, when it is shown, for how long) in s; transparent parts lie on white.

    Raises DamagedMedium where not even the first can be decoded; a file cut short ends early.
    """
    time = 0.0
    with opened(raw, limits) as image:
        for index in range(int(getattr(image, "n_frames", 1))):
            try:
                image.seek(index)
                picture = upright(image)
            except Exception as error:  # decoders of hostile files come up with anything
                if not index:
                    raise DamagedMedium(f"It cannot be decoded ({error}). Get a fresh copy of the file.") from error
                return
            length = _length(image)
            yield VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"), time, length
            time += length


def _length(image: Image.Image) -> float:
    try:
        seconds = float(image.info.get("duration", 0)) / 1000
    except (TypeError, ValueError):
        return _USUAL
    return seconds if seconds >= _SHORTEST else _USUAL
