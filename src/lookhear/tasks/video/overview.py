"""Small copies of frames, to show a film at a glance.

Aim: what a page needs to draw a strip of the film, whatever its format and length.
Reference: baseline JPEG (ITU-T T.81), quality 82.
Conventions: a frame every half second or fewer, evenly spread, at most 240; with ``per_scene`` the key frames of the
scenes, at most 2000; 200 pixels on the longer side; upright, sRGB; base64.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from lookhear.tasks.base import Block, Context, Fold, Form, Sampling, Task
from lookhear.tasks.frames import FrameOptions

_MOST, _MOST_SCENES = 240, 2000
_LONGEST = 200


@dataclass(frozen=True)
class FilmOverviewOptions(FrameOptions):
    """Which frames: see FrameOptions."""

    seconds: float = 0.5


@dataclass(frozen=True)
class Still:
    """``preview``: base64 of a JPEG file."""

    frame: int
    time: float  #: s
    preview: str


@dataclass(frozen=True)
class FilmOverview:
    """Stills in order."""

    width: int = 0
    height: int = 0
    stills: tuple[Still, ...] = ()


class _OverviewFold:
    def __init__(self, most: int) -> None:
        self._most = most
        self._stride = 1
        self._count = 0
        self._stills: list[Still] = []
        self._size = (0, 0)

    def add(self, block: Block) -> None:
        """A sampled frame; when there are too many, every other one goes."""
        picture = block.picture
        if picture is None:
            return
        if self._count % self._stride == 0:
            from lookhear.media.picture import as_jpeg  # Pillow, which sound does not need

            data, *size = as_jpeg(picture.pixels, _LONGEST)
            self._size = (size[0], size[1])
            self._stills.append(Still(picture.index, round(picture.time, 6), base64.b64encode(data).decode()))
            if len(self._stills) > self._most:
                self._stills = self._stills[::2]
                self._stride *= 2
        self._count += 1

    def finish(self) -> FilmOverview:
        """The strip."""
        return FilmOverview(*self._size, tuple(self._stills))


class FilmOverviewTask(Task[FilmOverviewOptions, FilmOverview]):
    """Small copies of frames."""

    name = "overview"
    version = "1"
    summary = "small copies of frames, to show"
    kinds = frozenset({"video"})
    forms = frozenset({Form.PIXELS})
    default = False
    drawn = True
    Options = FilmOverviewOptions
    Result = FilmOverview

    def start(self, context: Context, options: FilmOverviewOptions) -> Fold[FilmOverview]:
        """A fresh fold."""
        return _OverviewFold(_MOST_SCENES if options.per_scene else _MOST)

    def sampling(self, options: FilmOverviewOptions) -> Sampling:
        """As many as are kept."""
        return options.sampling(_LONGEST, _MOST)


TASKS = (FilmOverviewTask(),)
