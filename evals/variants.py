"""What happens to copies: pictures, sounds, films encoded anew, scaled, cut, changed a little, through real encoders."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
from PIL import Image, ImageDraw, ImageOps

Pixels = np.ndarray
Change = Callable[[Image.Image], Image.Image]


def _scaled(longest: int) -> Change:
    def change(image: Image.Image) -> Image.Image:
        return ImageOps.contain(image, (longest, longest), Image.Resampling.LANCZOS)

    return change


def _cut(left: float, top: float, right: float, bottom: float) -> Change:
    """Shares of the sides to cut off."""

    def change(image: Image.Image) -> Image.Image:
        width, height = image.size
        return image.crop(
            (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
        )

    return change


def _marked(image: Image.Image) -> Image.Image:
    """A white label with text in the corner, 2.5 % of the area."""
    image, (width, height) = image.copy(), image.size
    draw = ImageDraw.Draw(image)
    draw.rectangle((0.65 * width, 0.88 * height, 0.97 * width, 0.96 * height), fill="white")
    draw.text((0.68 * width, 0.89 * height), "(c) somebody", fill="black")
    return image


#: name -> (change, format, quality)
PICTURES: dict[str, tuple[Change, str, int]] = {
    "JPEG, quality 30": (lambda image: image, "JPEG", 30),
    "WebP, quality 50": (lambda image: image, "WEBP", 50),
    "256 pixels, JPEG": (_scaled(256), "JPEG", 80),
    "128 pixels, JPEG": (_scaled(128), "JPEG", 75),
    "2 % cut off, all around": (_cut(0.01, 0.01, 0.01, 0.01), "JPEG", 85),
    "5 % cut off, all around": (_cut(0.025, 0.025, 0.025, 0.025), "JPEG", 85),
    "5 % cut off, one side": (_cut(0.05, 0, 0, 0), "JPEG", 85),
    "10 % cut off, all around": (_cut(0.05, 0.05, 0.05, 0.05), "JPEG", 85),
    "a quarter brighter": (lambda image: image.point(lambda value: min(255, round(1.25 * value))), "JPEG", 85),
    "darker, gamma 1.5": (lambda image: image.point(lambda value: round(255 * (value / 255) ** 1.5)), "JPEG", 85),
    "grey": (lambda image: image.convert("L"), "JPEG", 85),
    "label in the corner": (_marked, "JPEG", 85),
    "mirrored": (ImageOps.mirror, "JPEG", 85),
}


def saved(image: Image.Image, form: str, quality: int) -> bytes:
    """As a file."""
    out = io.BytesIO()
    image.save(out, form, quality=quality)
    return out.getvalue()


def samples(path: str, rate: int, seconds: float) -> np.ndarray:
    """(1, n) float32, mono."""
    resampler = av.AudioResampler("fltp", "mono", rate)
    parts, count = [], 0
    with av.open(path, metadata_errors="replace") as container:
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray() for part in resampler.resample(frame)]
            count += parts[-1].shape[1] if parts else 0
            if count > seconds * rate:
                break
    return np.concatenate(parts, axis=1)[:, : round(seconds * rate)]


def sound(x: np.ndarray, rate: int, codec: str, container: str, bit_rate: int | None = None) -> bytes:
    """(1, n) as a file."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        if bit_rate:
            stream.bit_rate = bit_rate
        stream.codec_context.open()
        resampler = av.AudioResampler(
            stream.codec_context.format.name, "mono", rate, frame_size=stream.codec_context.frame_size or 1024
        )
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(x, np.float32), "fltp", "mono")
        frame.sample_rate = rate
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            output.mux(stream.encode(part))
    return out.getvalue()


def film(
    path: str,
    seconds: float,
    *,
    size: float = 1.0,
    crf: int = 23,
    every: int = 1,
    skip: float = 0.0,
    black: float = 0.0,
    cut: float = 0.0,
) -> bytes:
    """The pictures of a film from ``skip`` to ``seconds``, encoded anew as H.264 in Matroska, upright or not as stored.

    ``size``: scale; ``every``: keeps one frame in so many; ``black``: s before it; ``cut``: share cut off all around.
    """
    out = io.BytesIO()
    with av.open(path) as source, av.open(out, "w", format="matroska") as output:
        track = source.streams.video[0]
        rate = Fraction(track.average_rate or 25).limit_denominator(1000)
        width, height = (round(side * (1 - cut) * size / 2) * 2 for side in (track.width, track.height))
        stream = output.add_stream("libx264", rate=rate / every, options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        dark = np.zeros((height, width, 3), np.uint8)
        for _ in range(round(black * rate / every)):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(dark, "rgb24")))
        for index, frame in enumerate(source.decode(track)):
            time = index / rate
            if time >= seconds:
                break
            if index % every or time < skip:
                continue
            image = frame.to_image()
            if cut:
                image = _cut(cut / 2, cut / 2, cut / 2, cut / 2)(image)
            image = image.resize((width, height), Image.Resampling.BOX)
            output.mux(stream.encode(av.VideoFrame.from_image(image)))
        output.mux(stream.encode(None))
    return out.getvalue()
