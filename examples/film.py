"""A film with cuts: five shots that a camera pans over, a dissolve and a fade among them, the tune below."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from examples.picture import poster, scenery

RATE, WIDTH, HEIGHT = 25, 640, 360
SHOTS = (70, 60, 80, 60, 80)  #: frames
JOINS = ("cut", "dissolve", "cut", "fade")
SOFT = 20  # frames of what is gradual
Pixels = NDArray[np.uint8]


def frames() -> Iterator[Pixels]:
    """(360, 640, 3) each."""
    shots = [list(_pan(number, count)) for number, count in enumerate(SHOTS)]
    for number, shot in enumerate(shots):
        begins = JOINS[number - 1] if number else "cut"
        ends = JOINS[number] if number < len(JOINS) else "cut"
        for i, frame in enumerate(shot):
            left = len(shot) - 1 - i
            if begins == "dissolve" and i < SOFT:
                share = (i + 1) / (SOFT + 1)
                frame = (share * frame + (1 - share) * shots[number - 1][-1]).astype(np.uint8)
            elif begins == "fade" and i < SOFT:
                frame = (frame * (i / SOFT)).astype(np.uint8)
            elif ends == "fade" and left < SOFT:
                frame = (frame * (left / SOFT)).astype(np.uint8)
            yield frame


def _pan(number: int, count: int) -> Iterator[Pixels]:
    step = (2, 0, 3, 1, 2)[number]
    if number == 0:
        wide = np.asarray(poster(800, 500).resize((WIDTH + 2 * count, HEIGHT)))
    else:
        wide = scenery(number, HEIGHT, WIDTH + step * count)
    for i in range(count):
        yield wide[:, step * i : step * i + WIDTH]


def write_film(path: Path, tune: NDArray[np.float32], rate: int = 44100) -> None:
    """H.264 and AAC; ``tune``: (2, samples)."""
    with av.open(str(path), "w") as out:
        out.metadata["title"] = "Five Shots"
        video = out.add_stream("libx264", rate=RATE, options={"crf": "20", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = out.add_stream("aac", rate=rate, layout="stereo")
        for pixels in frames():
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")))
        out.mux(video.encode(None))
        sound = np.ascontiguousarray(tune[:, : rate * sum(SHOTS) // RATE], np.float32)
        heard = av.AudioFrame.from_ndarray(sound, "fltp", "stereo")
        heard.sample_rate = rate
        out.mux(audio.encode(heard))
        out.mux(audio.encode(None))
