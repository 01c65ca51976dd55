"""What a picture shows, in a sentence; of a film a sentence for each scene.

Aim: words by which pictures and films are found, and which can be read in their place.
Reference: BLIP (Li et al., ICML 2022), BLIP-2 (Li et al., ICML 2023) and Florence-2 (Xiao et al., CVPR 2024), by
transformers; the likeliest sentence is searched for with ``num_beams`` beams, as in these papers.
Conventions: in the words of the model, mostly English and without a full stop; a model may be wrong, and tells something
of a blank picture, too. A ``prompt`` is gone on from ("a photograph of"), or answered (BLIP-2: "Question: how many dogs are
there? Answer:"; Florence-2 knows <CAPTION>, <DETAILED_CAPTION> and <MORE_DETAILED_CAPTION>); it is not repeated. Of films,
the key frame of each scene is looked at. With ``per_scene=false`` it is a frame every ``seconds``, or every
``frame_interval`` frames; sentences that follow one another and are the same become one. Nothing said: null.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lookhear.errors import InvalidOptions
from lookhear.tasks.base import AUTO, Block, Context, Fold, Form, Picture, PictureFold, Sampling, Task
from lookhear.tasks.frames import SCENES, FrameOptions

_ROLE = "caption"
_SIDE = 768  # pixels on the longer side of a film's frames; networks see 224 to 768
_MOST_FRAMES = 600
_LONGEST_PROMPT, _MOST_TOKENS, _MOST_BEAMS = 500, 200, 16


@dataclass(frozen=True)
class CaptionOptions:
    """``prompt``, ``num_beams``: null: what suits the model. ``max_new_tokens``: words and parts of words."""

    model: str = AUTO
    prompt: str | None = None
    max_new_tokens: int = 40
    num_beams: int | None = None

    def __post_init__(self) -> None:
        beams = 1 if self.num_beams is None else self.num_beams
        if not (1 <= self.max_new_tokens <= _MOST_TOKENS and 1 <= beams <= _MOST_BEAMS):
            raise InvalidOptions(
                f"caption: 1 ≤ max_new_tokens ≤ {_MOST_TOKENS} and 1 ≤ num_beams ≤ {_MOST_BEAMS} must hold."
            )
        if self.prompt is not None and not 1 <= len(self.prompt.strip()) <= _LONGEST_PROMPT:
            raise InvalidOptions(f"caption: a prompt has 1 to {_LONGEST_PROMPT} characters.")


@dataclass(frozen=True)
class FilmCaptionOptions(FrameOptions, CaptionOptions):
    """Beside those of pictures, which frames are looked at: by default one per scene. See FrameOptions."""

    seconds: float = 10.0
    per_scene: bool = True

    def __post_init__(self) -> None:
        CaptionOptions.__post_init__(self)
        FrameOptions.__post_init__(self)


@dataclass(frozen=True)
class CaptionResult:
    """What it shows."""

    caption: str | None = None


@dataclass(frozen=True)
class FilmCaption:
    """A sentence and the stretch of the film it stands for."""

    caption: str
    start: float  #: s
    end: float  #: s
    frame: int  #: the one that was looked at; of several the first


@dataclass(frozen=True)
class FilmCaptionResult:
    """``caption``: that of the longest stretch."""

    caption: str | None = None
    captions: tuple[FilmCaption, ...] = ()  #: in the order of their starts
    frames_seen: int = 0


class _Writer:
    """Writes about pictures."""

    def __init__(self, context: Context, options: CaptionOptions) -> None:
        self._model = context.models[_ROLE]
        self._options = options

    def __deepcopy__(self, memo: object) -> _Writer:
        return self

    @property
    def most(self) -> int:
        """Pictures that it writes about at a time."""
        return int(self._model.work(lambda native: native.most))

    def __call__(self, pictures: Sequence[Picture]) -> list[str]:
        options = self._options
        asked = {"max_new_tokens": options.max_new_tokens, "num_beams": options.num_beams}
        pixels = [picture.pixels for picture in pictures]
        return self._model.work(lambda native: list(native.write(pixels, options.prompt, **asked)))


@dataclass(frozen=True)
class _Said:
    """About a frame, at ``time`` s."""

    frame: int
    time: float
    caption: str


class _FilmFold:
    def __init__(self, context: Context, options: FilmCaptionOptions) -> None:
        self._context, self._options = context, options
        self._writer = _Writer(context, options)
        self._waiting: list[Picture] = []
        self._said: list[_Said] = []

    def add(self, block: Block) -> None:
        """A sampled frame; enough of them are written about together."""
        if block.picture is None:
            return
        self._waiting.append(block.picture)
        if len(self._waiting) >= self._writer.most:
            self._write()

    def _write(self) -> None:
        if self._waiting:
            captions = self._writer(self._waiting)
            self._said += [
                _Said(picture.index, round(picture.time, 6), caption)
                for picture, caption in zip(self._waiting, captions, strict=True)
            ]
            self._waiting = []

    def finish(self) -> FilmCaptionResult:
        """What is left, and how long each of them holds."""
        self._write()
        captions = self._of_scenes() if self._options.per_scene else self._of_times()
        longest = sorted(captions, key=lambda one: one.start - one.end)[:1]
        return FilmCaptionResult(longest[0].caption if longest else None, captions, len(self._said))

    def _of_scenes(self) -> tuple[FilmCaption, ...]:
        by_frame = {said.frame: said.caption for said in self._said}
        return tuple(
            FilmCaption(by_frame[scene.key_frame], scene.start, scene.end, scene.key_frame)
            for scene in self._context.results[SCENES].scenes
            if by_frame.get(scene.key_frame)
        )

    def _of_times(self) -> tuple[FilmCaption, ...]:
        """Until the next frame that was looked at, or until the film ends."""
        runs = [list(run) for _, run in itertools.groupby(self._said, key=lambda said: said.caption)]
        ends = [run[0].time for run in runs[1:]] + [round(self._context.seen.seconds, 6)]
        return tuple(
            FilmCaption(run[0].caption, run[0].time, max(end, run[-1].time), run[0].frame)
            for run, end in zip(runs, ends, strict=False)
            if run[0].caption
        )


class Caption(Task[CaptionOptions, CaptionResult]):
    """A sentence about a picture."""

    name = "caption"
    version = "1"
    summary = "what a picture shows, in a sentence"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    role = _ROLE
    default = False
    headline: ClassVar[dict[str, str]] = {"caption": "caption"}
    Options = CaptionOptions
    Result = CaptionResult

    def start(self, context: Context, options: CaptionOptions) -> Fold[CaptionResult]:
        """A fresh fold."""
        writer = _Writer(context, options)
        return PictureFold(lambda picture: CaptionResult(writer([picture])[0] or None if picture else None))


class FilmCaptions(Task[FilmCaptionOptions, FilmCaptionResult]):
    """A sentence for each scene of a film."""

    name = "caption"
    version = "1"
    summary = "what the scenes of a film show, a sentence each"
    kinds = frozenset({"video"})
    forms = frozenset({Form.PIXELS})
    role = _ROLE
    default = False
    headline: ClassVar[dict[str, str]] = {"caption": "caption"}
    Options = FilmCaptionOptions
    Result = FilmCaptionResult

    def start(self, context: Context, options: FilmCaptionOptions) -> Fold[FilmCaptionResult]:
        """A fresh fold."""
        return _FilmFold(context, options)

    def sampling(self, options: FilmCaptionOptions) -> Sampling:
        """What is looked at."""
        return options.sampling(_SIDE, _MOST_FRAMES)


TASKS = (Caption(), FilmCaptions())
