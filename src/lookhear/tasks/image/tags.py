"""Words for what pictures and films show, out of any list of labels.

Aim: to sort and find pictures by words of one's own, without training anything.
Reference: zero-shot classification with CLIP (Radford et al., ICML 2021, section 3.1): each label is put into several
sentences, the mean of their vectors stands for it, and softmax over the labels, at the temperature that the model was
trained with, gives the scores.
Conventions: ``score``: share among the labels of this vocabulary, which add up to 1. It says which label fits better than
the others, not whether any fits: a picture of something the list does not hold still gets labels, and a longer list makes
scores smaller. ``similarity``: cosine of picture and label, which does not depend on the other labels. ``vocabulary``: a
file with a label per line, where a line that begins with # names the group of those after it; or ``everyday``, 475 common
things, which comes along. English. The vectors of labels are worked out once for a vocabulary and a model, which takes
seconds to minutes, and kept in the store of models. Of films, ``score`` is the mean over the frames, ``peak`` the highest
of one frame, at ``time``. How often tags are right was not measured here. No picture: empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from lookhear.errors import InvalidOptions
from lookhear.media.forms import FloatArray
from lookhear.models.clip import ROLE, picture_vectors
from lookhear.models.clip.labels import label_vectors, shares
from lookhear.models.pictures import Pixels
from lookhear.tasks.base import AUTO, Block, Context, Fold, Form, Picture, PictureFold, Sampling, Task
from lookhear.tasks.frames import FrameOptions
from lookhear.tasks.gathered import Gathered
from lookhear.tasks.tallied import Tally, best
from lookhear.tasks.vocabulary import read_vocabulary, sum_of

_SIDE = 896  # as the task embedding, whose vectors these are
_MOST = 600
_TEMPLATES = (
    "a photo of a {}.",
    "a photo of {}.",
    "a close-up photo of a {}.",
    "a photo that shows {}.",
    "a blurry photo of a {}.",
    "a picture of a {} in the distance.",
    "a drawing of a {}.",
)


@dataclass(frozen=True)
class TagsOptions:
    """``top_k``: at most so many tags; ``templates``: sentences that labels are put into, at {}."""

    model: str = AUTO
    vocabulary: str = "everyday"
    top_k: int = 10
    min_score: float = 0.02
    templates: tuple[str, ...] = _TEMPLATES
    vocabulary_sha256: str = field(init=False, default="")  #: of the file; found out, not given

    def __post_init__(self) -> None:
        if not (self.top_k >= 1 and 0 <= self.min_score <= 1 and self.templates):
            raise InvalidOptions("tags: top_k ≥ 1, 0 ≤ min_score ≤ 1 and at least one template must hold.")
        if lacking := [template for template in self.templates if "{}" not in template]:
            raise InvalidOptions(f"tags: the template '{lacking[0]}' has no {{}} for the label.")
        object.__setattr__(self, "vocabulary_sha256", sum_of(self.vocabulary))
        read_vocabulary(self.vocabulary, self.vocabulary_sha256)


@dataclass(frozen=True)
class FilmTagsOptions(FrameOptions, TagsOptions):
    """Beside those of pictures, which frames are looked at: see FrameOptions."""

    seconds: float = 2.0

    def __post_init__(self) -> None:
        TagsOptions.__post_init__(self)
        FrameOptions.__post_init__(self)


@dataclass(frozen=True)
class ImageTag:
    """A label that goes with a picture."""

    label: str
    score: float
    similarity: float
    group: str | None = None


@dataclass(frozen=True)
class ImageTagsResult:
    """The best first."""

    best: str | None = None
    tags: tuple[ImageTag, ...] = ()


@dataclass(frozen=True)
class FilmTag:
    """A label that goes with a film."""

    label: str
    score: float
    peak: float
    time: float  #: s
    group: str | None = None


@dataclass(frozen=True)
class FilmTagsResult:
    """The best first."""

    best: str | None = None
    tags: tuple[FilmTag, ...] = ()
    frames_seen: int = 0


class _Look:
    """Compares pictures with labels."""

    def __init__(self, context: Context, options: TagsOptions) -> None:
        self._model = context.models[ROLE]
        words = read_vocabulary(options.vocabulary, options.vocabulary_sha256)
        self.labels, self.groups = words.labels, words.groups
        self._vectors = label_vectors(self._model, self.labels, options.templates)

    def __deepcopy__(self, memo: object) -> _Look:
        return self

    def __call__(self, pictures: Sequence[Pixels]) -> tuple[FloatArray, FloatArray]:
        """Shares and cosines, a row for each picture."""
        return shares(self._model, picture_vectors(self._model, pictures), self._vectors)


def _tagged(look: _Look, picture: Picture | None, options: TagsOptions) -> ImageTagsResult:
    if picture is None:
        return ImageTagsResult()
    (scores,), (cosines,) = look([picture.pixels])
    tags = tuple(
        ImageTag(look.labels[i], round(float(scores[i]), 4), round(float(cosines[i]), 4), look.groups[i])
        for i in best(scores, options.top_k, options.min_score)
    )
    return ImageTagsResult(tags[0].label if tags else None, tags)


class _FilmFold:
    def __init__(self, context: Context, options: FilmTagsOptions) -> None:
        self._options = options
        self._look = _Look(context, options)
        self._frames = Gathered(lambda pictures: self._look(pictures)[0])
        self._tally = Tally(len(self._look.labels))

    def add(self, block: Block) -> None:
        """A sampled frame."""
        if block.picture is not None:
            for row in self._frames.add(block.picture):
                self._tally.add(row)

    def finish(self) -> FilmTagsResult:
        """Means over the frames."""
        for row in self._frames.rest():
            self._tally.add(row)
        tally, look, means = self._tally, self._look, self._tally.means
        tags = tuple(
            FilmTag(look.labels[i], round(float(means[i]), 4), round(peak, 4), float(tally.times[i]), look.groups[i])
            for i in (best(means, self._options.top_k, self._options.min_score) if tally.frames else ())
            for peak in (float(tally.peaks[i]),)
        )
        return FilmTagsResult(tags[0].label if tags else None, tags, tally.frames)


class Tags(Task[TagsOptions, ImageTagsResult]):
    """Labels of a picture."""

    name = "tags"
    version = "1"
    summary = "words for what a picture shows, out of a list of labels"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    role = ROLE
    headline: ClassVar[dict[str, str]] = {"tag": "best"}
    Options = TagsOptions
    Result = ImageTagsResult

    def start(self, context: Context, options: TagsOptions) -> Fold[ImageTagsResult]:
        """A fresh fold. Raises InvalidModel for a model without text side."""
        look = _Look(context, options)
        return PictureFold(lambda picture: _tagged(look, picture, options))

    def sampling(self, options: TagsOptions) -> Sampling:
        """Small: the network sees less."""
        return Sampling(side=_SIDE)


class FilmTags(Task[FilmTagsOptions, FilmTagsResult]):
    """Labels of a film."""

    name = "tags"
    version = "1"
    summary = "words for what a film shows, out of a list of labels"
    kinds = frozenset({"video"})
    forms = frozenset({Form.PIXELS})
    role = ROLE
    headline: ClassVar[dict[str, str]] = {"tag": "best"}
    Options = FilmTagsOptions
    Result = FilmTagsResult

    def start(self, context: Context, options: FilmTagsOptions) -> Fold[FilmTagsResult]:
        """A fresh fold. Raises InvalidModel for a model without text side."""
        return _FilmFold(context, options)

    def sampling(self, options: FilmTagsOptions) -> Sampling:
        """What is looked at."""
        return options.sampling(_SIDE, _MOST)


TASKS = (Tags(), FilmTags())
