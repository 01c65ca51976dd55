"""Words that listeners would use for a recording: instruments, voices, genres, manner, mood, times.

Aim: to find music by how people speak of it, and to tell genre, mood and instruments from the same numbers.
Reference: MusiCNN (Pons and Serra, ISMIR 2019 late-breaking; ISC) with its published weights, trained on MagnaTagATune (50
tags, ROC-AUC 0.91) and on the Million Song Dataset with Last.fm's tags (50, 0.88). A patch of three seconds is looked at
every ``every`` seconds; the probabilities are means over the patches, as in the package musicnn.
Conventions: a probability 0..1 for each tag, each for itself: they do not add up to 1, and are low for tags that were
seldom given in training. A tag of both vocabularies (rock, guitar) gets the mean of both networks. Patches too quiet for
the networks to hear anything are left out; what is over at the end counts by its length if it is a second or more; less
than three seconds in all are repeated until they fill a patch. Silence, and less than a second: empty, with a warning.
The networks know nothing but music: speech, noise and single tones get the tags of the music that they are most like.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.patches import FRAME_RATE, FRAMES, LogMelPatches
from lookhear.errors import InvalidModel, InvalidOptions
from lookhear.tasks.base import Block, Context, FloatArray, Fold, Form, Task

_BATCH = 2  # patches: more gain nothing, and take 25 MB each
_AUDIBLE = 0.1  # log10(10000 x + 1): a tone of -73 dBFS, noise of -50
_DIGITS = 4


@dataclass(frozen=True)
class MusicTagsOptions:
    """``every``: s from one patch to the next, at least 3; 6 takes half the time. ``top_k``: so many of the likeliest tags.

    ``curve``: also give all tags for each patch.
    """

    model: str = "auto"
    every: float = 3.0
    top_k: int = 10
    curve: bool = False

    def __post_init__(self) -> None:
        if not (3.0 <= self.every <= 600.0 and self.top_k >= 1):
            raise InvalidOptions("music_tags: 3 ≤ every ≤ 600 and top_k ≥ 1 must hold.")


@dataclass(frozen=True)
class Tag:
    """A word and how likely listeners would give it (0..1)."""

    label: str
    probability: float


@dataclass(frozen=True)
class TagCurve:
    """Tags over time: value i of a label is of the three seconds from i * ``step``; null where it is too quiet."""

    step: float  #: s
    values: dict[str, tuple[float | None, ...]]


@dataclass(frozen=True)
class MusicTagsResult:
    """Nothing to hear: empty."""

    tags: tuple[Tag, ...] = ()  #: the likeliest, best first
    probabilities: dict[str, float] = field(default_factory=dict)  #: of every tag there is, best first
    patches: int = 0  #: how many were heard
    curve: TagCurve | None = None


class MusicTagsFold:
    """The running sum over patches; one or two of them wait for the network."""

    def __init__(self, context: Context, options: MusicTagsOptions) -> None:
        self._context, self._options = context, options
        self._step = max(FRAMES, int(options.every * FRAME_RATE))
        self._patches = LogMelPatches(self._step)
        self._waiting: list[FloatArray] = []
        self._labels, self._groups = _merged(context.models[MusicTags.role].card.labels)
        self._sum = np.zeros(len(self._labels))
        self._weight, self._heard = 0.0, 0
        self._curve: list[FloatArray] | None = [] if options.curve else None

    def add(self, block: Block) -> None:
        """Samples at 16 kHz."""
        if block.samples is not None:
            self._take(self._patches.add(block.samples.data))

    def finish(self) -> MusicTagsResult:
        """The mean over all patches."""
        patches, share = self._patches.finish()
        self._take(patches[:-1])
        self._run()
        self._waiting = list(patches[-1:])
        self._run(share)
        if not self._heard:
            self._context.warn("It is silent, or shorter than a second: there is nothing to tag.")
            return MusicTagsResult()
        mean = self._sum / self._weight
        order = np.argsort(-mean, kind="stable").tolist()
        found = {self._labels[i]: round(float(mean[i]), _DIGITS) for i in order}
        best = [Tag(label, value) for label, value in found.items()][: self._options.top_k]
        return MusicTagsResult(tuple(best), found, self._heard, self._curves())

    def _take(self, patches: FloatArray) -> None:
        for patch in patches:
            self._waiting.append(patch)
            if len(self._waiting) == _BATCH:
                self._run()

    def _run(self, weight: float = 1.0) -> None:
        """Look at what waits; each counts by ``weight``."""
        if not self._waiting:
            return
        patches, self._waiting = np.stack(self._waiting), []
        audible = patches.max(axis=(1, 2)) >= _AUDIBLE
        found = np.full((len(patches), len(self._labels)), np.nan, np.float32)
        if audible.any():
            found[audible] = self._answer(patches[audible])
            self._sum += weight * found[audible].sum(axis=0, dtype=np.float64)
            self._weight += weight * int(audible.sum())
            self._heard += int(audible.sum())
        if self._curve is not None:
            self._curve.append(found)

    def _answer(self, patches: FloatArray) -> FloatArray:
        model = self._context.models[MusicTags.role]
        answer = model.run({"patches": patches})[0]
        if answer.shape[1] != len(model.card.labels):
            raise InvalidModel(
                f"{model.card.id} gives {answer.shape[1]} tags, but its card names {len(model.card.labels)}."
            )
        return np.asarray(answer @ self._groups)

    def _curves(self) -> TagCurve | None:
        if self._curve is None:
            return None
        rows = np.round(np.concatenate(self._curve).astype(np.float64), _DIGITS)
        values = [tuple(None if np.isnan(value) else float(value) for value in row) for row in rows.T]
        return TagCurve(self._step / FRAME_RATE, dict(zip(self._labels, values, strict=True)))


def _merged(labels: tuple[str, ...]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Each label once, and the matrix (labels, once) that takes the mean where one occurs more often."""
    once = tuple(dict.fromkeys(labels))
    same = np.array([[label == other for other in once] for label in labels], np.float32).reshape(len(labels), -1)
    return once, same / same.sum(axis=0)


class MusicTags(Task[MusicTagsOptions, MusicTagsResult]):
    """Tags of music."""

    name = "music_tags"
    version = "1"
    summary = "words that listeners would use for the music: instruments, genres, moods"
    kinds = frozenset({"audio", "video"})
    forms = frozenset({Form.MONO_16K})
    role: ClassVar[str] = "music_tags"
    Options = MusicTagsOptions
    Result = MusicTagsResult

    def start(self, context: Context, options: MusicTagsOptions) -> Fold[MusicTagsResult]:
        """A fresh fold."""
        return MusicTagsFold(context, options)


TASKS = (MusicTags(),)
