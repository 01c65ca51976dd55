"""Small media for many requests: a picture, a sound, a film, and bytes that are none of these.

python -m benchmarks.small    # keeps some for those who cannot make them
"""

from __future__ import annotations

import io
import secrets
import wave
from functools import cache
from pathlib import Path

RATE, FRAMES = 16000, 24
KEPT = Path(__file__).parent / ".cache" / "small"


@cache
def jpeg(width: int = 320, height: int = 240) -> bytes:
    """Soft colours and some edges."""
    import numpy as np
    from PIL import Image

    y, x = np.mgrid[:height, :width]
    pixels = np.stack([255 * x / width, 255 * y / height, 128 + 100 * np.sin(x / 9) * np.cos(y / 7)], axis=-1)
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "jpeg", quality=85)
    return out.getvalue()


def sound(seconds: float = 1.0) -> bytes:
    """A WAV of two tones that no other has."""
    import numpy as np

    pitch = 200 + secrets.randbelow(2000)
    t = np.arange(int(seconds * RATE)) / RATE
    wanted = 0.4 * np.sin(2 * np.pi * pitch * t) + 0.2 * np.sin(3 * np.pi * pitch * t) + 0.001 * secrets.randbelow(100)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((20000 * wanted).astype("<i2").tobytes())
    return out.getvalue()


@cache
def film() -> bytes:
    """A second of H.264 with a cut in the middle."""
    import av
    import numpy as np

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(FRAMES):
            pixels = np.full((120, 160, 3), (200, 40, 40) if number < FRAMES // 2 else (30, 60, 220), np.uint8)
            pixels[number : number + 20, 20:60] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()


def another_film() -> bytes:
    """The same film as other bytes: a box that is skipped follows."""
    word = secrets.token_bytes(16)
    return film() + (8 + len(word)).to_bytes(4, "big") + b"free" + word


def junk() -> bytes:
    """No medium."""
    return secrets.token_bytes(2000)


def broken_jpeg() -> bytes:
    """Breaks off in the middle."""
    whole = jpeg()
    return whole[: len(whole) // 3 + secrets.randbelow(100)]


def keep() -> None:
    """A picture and a sound are there."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / "picture.jpg").write_bytes(jpeg())
    (KEPT / "sound.wav").write_bytes(sound(0.5))


if __name__ == "__main__":
    keep()
