"""A small copy of a picture, to show beside what was found in it.

Aim: what a page needs to draw the picture, whatever the format and however large the file.
Reference: baseline JPEG (ITU-T T.81), quality 82.
Conventions: upright, sRGB, at most 960 pixels on the longer side, 120 of the thumbnail; base64.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from lookhear.tasks.base import Context, Fold, Form, NoOptions, Picture, PictureFold, Task

_LONGEST, _THUMBNAIL = 960, 120


@dataclass(frozen=True)
class PictureOverview:
    """``preview``, ``thumbnail``: base64 of JPEG files."""

    width: int = 0
    height: int = 0
    preview: str | None = None
    thumbnail: str | None = None


def _look(picture: Picture | None) -> PictureOverview:
    if picture is None:
        return PictureOverview()
    from lookhear.media.picture import as_jpeg  # Pillow, which sound does not need

    data, width, height = as_jpeg(picture.pixels, _LONGEST)
    small = as_jpeg(picture.pixels, _THUMBNAIL)[0]
    return PictureOverview(width, height, *(base64.b64encode(jpeg).decode() for jpeg in (data, small)))


class PictureOverviewTask(Task[NoOptions, PictureOverview]):
    """A small copy of the picture."""

    name = "overview"
    version = "1"
    summary = "a small copy of the picture, to show"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    default = False
    drawn = True
    Result = PictureOverview

    def start(self, context: Context, options: NoOptions) -> Fold[PictureOverview]:
        """A fresh fold."""
        return PictureFold(_look)


TASKS = (PictureOverviewTask(),)
