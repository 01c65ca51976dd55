"""A picture on a canvas of a given size."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_QUALITY = 85


def fitted_jpeg(pixels: NDArray[np.uint8], width: int, height: int) -> bytes:
    """A JPEG of ``width`` x ``height``: the (rows, columns, 3) pixels amid white, reduced where they are larger."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((width, height), Image.Resampling.LANCZOS)
    canvas, out = Image.new("RGB", (width, height), "white"), io.BytesIO()
    canvas.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    canvas.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()
