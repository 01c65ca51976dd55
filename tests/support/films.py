"""Films made and encoded in memory."""

from __future__ import annotations

import io

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from support.sound import _mux

Shots = list[NDArray[np.uint8]]


def shots(seed: int, seconds: float = 16, rate: int = 10, size: tuple[int, int] = (320, 180)) -> Shots:
    """Soft shapes that drift; another picture every two seconds."""
    rng = np.random.default_rng(seed)
    frames: Shots = []
    width, height = size
    for _ in range(round(seconds / 2)):
        coarse = Image.fromarray(rng.uniform(0, 255, (6, 8, 3)).astype(np.uint8))
        wide = np.asarray(coarse.resize((width + 2 * rate, height), Image.Resampling.BICUBIC))
        frames += [np.ascontiguousarray(wide[:, i : i + width]) for i in range(2 * rate)]
    return frames


def encoded(
    frames: Shots, rate: int = 10, codec: str = "mpeg4", sound: NDArray[np.float32] | None = None, **options: str
) -> bytes:
    """Matroska; ``sound``: (1, samples) at 44.1 kHz."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        video = out.add_stream(codec, rate=rate, options=options)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        audio = out.add_stream("pcm_s16le", rate=44100, layout="mono", format="s16") if sound is not None else None
        for pixels in frames:
            out.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        out.mux(video.encode(None))
        if audio is not None:
            _mux(out, audio, sound, "s16", "mono", 44100)
    return buffer.getvalue()


def scaled(frames: Shots, size: tuple[int, int]) -> Shots:
    """Every frame in another size."""
    return [np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX)) for frame in frames]
