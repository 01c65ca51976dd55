"""What is transparent, laid on a ground from which everything stands out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.areas import LUMA
from lookhear.media.forms import Picture

_GROUNDS = (255, 0, 128)
_SEEN = 64  # of 255: what covers less than this is no part of the drawing
_HIDDEN = 5  # percent of the drawing that may be near the colour of the ground


def grounded(picture: Picture) -> NDArray[np.uint8]:
    """(height, width, 3), on white, black or grey: where the faintest parts of the drawing contrast most."""
    alpha = picture.alpha
    if alpha is None or not (alpha < 255).any():
        return picture.pixels
    cover = alpha[..., None] / np.float32(255)
    drawn = picture.pixels - 255 * (1 - cover)  # the colours come multiplied by alpha, on white
    seen = alpha >= _SEEN
    luma = (drawn[seen] / cover[seen]) @ LUMA.astype(np.float32)
    if not luma.size:
        return picture.pixels
    contrast = [float(np.percentile(np.abs(luma - ground), _HIDDEN)) for ground in _GROUNDS]
    ground = _GROUNDS[int(np.argmax(contrast))]
    return np.clip(drawn + ground * (1 - cover) + 0.5, 0, 255).astype(np.uint8)
