"""Pictures and films as vectors: near ones show like things, and texts can be compared with them.

Aim: search by picture and by words, and whatever else is built on likeness.
Reference: CLIP ViT-B/32 (Radford et al., ICML 2021), prepared as openai/CLIP and transformers do: shorter side to 224 by
Pillow's bicubic filter, the middle, each channel centred and scaled. Texts: ``lookhear.models.clip.text_vector``.
Conventions: 512 numbers, unit length (L2): the dot product of two is their cosine. Vectors of different models, and of
different versions of one, must not be compared; the finding tells which made them. Pictures of more than 896 pixels come
reduced to that: on 14 photographs and scans the vector of the reduced picture had a cosine of at least 0.9996 with that of
the whole one, under random weights of the true architecture. Only the middle square counts; of pictures more than four
times as long as high, what is left of it is enlarged. Of films, frames ``seconds`` apart are embedded (of long films
about 600 in all), every ``frame_interval`` frames, or one per scene; ``vector`` is their mean, made unit length again. No
frame: empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookhear.media.forms import FloatArray
from lookhear.models.clip import ROLE, picture_vectors, unit
from lookhear.tasks.base import AUTO, Block, Context, Fold, Form, Picture, PictureFold, Sampling, Task
from lookhear.tasks.frames import FrameOptions
from lookhear.tasks.gathered import Gathered, Row

_SIDE = 896  # four times what the network sees
_MOST = 600


@dataclass(frozen=True)
class EmbeddingOptions:
    """``model``: by name, or the best that is installed."""

    model: str = AUTO


@dataclass(frozen=True)
class FilmEmbeddingOptions(FrameOptions, EmbeddingOptions):
    """Beside that of pictures, which frames are embedded: see FrameOptions."""

    seconds: float = 2.0


@dataclass(frozen=True)
class EmbeddingResult:
    """Of unit length."""

    vector: tuple[float, ...] = ()  #: 512, by the model


@dataclass(frozen=True)
class FrameVector:
    """A frame of a film."""

    frame: int
    time: float  #: s
    vector: tuple[float, ...]


@dataclass(frozen=True)
class FilmEmbeddingResult:
    """Of the film, and of each frame that was embedded."""

    vector: tuple[float, ...] = ()  #: 512, by the model; mean of the frames
    frames: tuple[FrameVector, ...] = ()


def _plain(vector: FloatArray) -> tuple[float, ...]:
    return tuple(np.round(vector.astype(np.float64), 6).tolist())


class _FilmFold:
    def __init__(self, context: Context) -> None:
        model = context.models[ROLE]
        self._frames = Gathered(lambda pictures: picture_vectors(model, pictures))
        self._rows: list[Row] = []

    def add(self, block: Block) -> None:
        """A sampled frame."""
        if block.picture is not None:
            self._rows += self._frames.add(block.picture)

    def finish(self) -> FilmEmbeddingResult:
        """All frames, and their mean."""
        self._rows += self._frames.rest()
        if not self._rows:
            return FilmEmbeddingResult()
        mean = unit(np.stack([row.values for row in self._rows]).mean(axis=0, dtype=np.float64)[None])[0]
        frames = tuple(FrameVector(row.frame, row.time, _plain(row.values)) for row in self._rows)
        return FilmEmbeddingResult(_plain(mean), frames)


class Embedding(Task[EmbeddingOptions, EmbeddingResult]):
    """A picture as a vector."""

    name = "embedding"
    version = "1"
    summary = "a picture as a vector, to be found by pictures and words"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    role = ROLE
    default = False
    Options = EmbeddingOptions
    Result = EmbeddingResult

    def start(self, context: Context, options: EmbeddingOptions) -> Fold[EmbeddingResult]:
        """A fresh fold."""
        model = context.models[ROLE]

        def embedded(picture: Picture | None) -> EmbeddingResult:
            return (
                EmbeddingResult(_plain(picture_vectors(model, [picture.pixels])[0])) if picture else EmbeddingResult()
            )

        return PictureFold(embedded)

    def sampling(self, options: EmbeddingOptions) -> Sampling:
        """Small: the network sees less."""
        return Sampling(side=_SIDE)


class FilmEmbedding(Task[FilmEmbeddingOptions, FilmEmbeddingResult]):
    """A film as vectors."""

    name = "embedding"
    version = "1"
    summary = "a film and its frames as vectors, to be found by pictures and words"
    kinds = frozenset({"video"})
    forms = frozenset({Form.PIXELS})
    role = ROLE
    default = False
    Options = FilmEmbeddingOptions
    Result = FilmEmbeddingResult

    def start(self, context: Context, options: FilmEmbeddingOptions) -> Fold[FilmEmbeddingResult]:
        """A fresh fold."""
        return _FilmFold(context)

    def sampling(self, options: FilmEmbeddingOptions) -> Sampling:
        """What is embedded."""
        return options.sampling(_SIDE, _MOST)


TASKS = (Embedding(), FilmEmbedding())
