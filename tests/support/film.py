"""Films made and encoded in memory."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def texture(height: int = 180, width: int = 320, seed: int = 1, grain: int = 12) -> Pixels:
    """(height, width, 3): soft shapes with some detail, as a photograph has."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells, weight in ((4, 0.5), (grain, 0.3), (4 * grain, 0.2)):
        coarse = rng.uniform(0, 255, (cells, round(cells * width / height), 3)).astype(np.uint8)
        total += weight * np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return total.astype(np.uint8)


def panned(count: int, step: int = 2, height: int = 180, width: int = 320, seed: int = 1) -> list[Pixels]:
    """A camera that moves right by ``step`` pixels a frame, so that the picture moves left."""
    wide = texture(height, width + count * step, seed)
    return [wide[:, i * step : i * step + width] for i in range(count)]


def encode(
    frames: Iterable[Pixels],
    rate: int | Fraction = 25,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    container: str = "mp4",
    pix_fmt: str = "yuv420p",
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
    color_trc: int | None = None,
    matrix: int | None = None,
    options: dict[str, str] | None = None,
    sound: NDArray[np.float32] | None = None,
) -> bytes:
    """(height, width, 3) frames as the bytes of a file. ``times``: s, of each; ``rotation``: degrees clockwise that a
    player turns it by; ``sound``: (n,) at 44.1 kHz."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, options=options or ({"crf": "18"} if codec == "libx264" else {}))
        stream.pix_fmt = pix_fmt
        base = Fraction(1, 1000) if times is not None else 1 / Fraction(rate)
        stream.codec_context.time_base = base
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if color_trc is not None:
            stream.codec_context.color_trc = color_trc
        if matrix is not None:
            stream.codec_context.colorspace = matrix
        if rotation:
            stream.set_display_rotation(-rotation)
        audio = None if sound is None else out.add_stream("aac", rate=44100, layout="mono")
        stream.height, stream.width = 48, 64
        for i, pixels in enumerate(frames):
            if not i:
                stream.height, stream.width = pixels.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24").reformat(format=pix_fmt)
            if matrix is not None:
                frame.colorspace = matrix
            frame.pts, frame.time_base = (i if times is None else round(1000 * times[i])), base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if audio is not None and sound is not None:
            heard = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None], np.float32), "fltp", "mono")
            heard.sample_rate = 44100
            out.mux(audio.encode(heard))
            out.mux(audio.encode(None))
    return buffer.getvalue()


def numbered(count: int, side: int = 64) -> list[Pixels]:
    """Frames that show their number: eight fields, bright for the binary ones; read by ``number_of``."""
    bits = (np.arange(count)[:, None] >> np.arange(8)) & 1
    return [
        np.repeat(np.tile(np.repeat(row * 200 + 20, side // 8), (side, 1))[..., None], 3, 2).astype(np.uint8)
        for row in bits
    ]


def number_of(pixels: NDArray[np.uint8]) -> int:
    """Of (height, width) or (height, width, 3): the number its fields show."""
    luma = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    width = luma.shape[1]
    means = [luma[:, (2 * k + 1) * width // 16].mean() for k in range(8)]
    return sum((mean > 120) << k for k, mean in enumerate(means))
