"""What a task is: one thing that can be known about a medium.

An image task gets one block, its picture. A task on sound or film is a *fold*: ``start`` gives a fresh state, ``add``
takes one block after the other, ``finish`` gives the result. A fold never sees the whole recording, so ten hours and a
live stream cost constant memory.
A task says which *forms* of the medium it reads; the sweep makes each form once and hands it to all folds.

A task is a module of ``lookhear.tasks.audio`` (or image, video) that ends in ``TASKS = (TheTask(),)``: one for each
kind of medium it treats in its own way. Nothing else needs to be told. Tasks of other packages come in by the entry
point group ``lookhear.tasks``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from lookhear.dsp.grid import HOP_LENGTH, N_FFT, SAMPLE_RATE
from lookhear.media.forms import FloatArray, Form, Frames, Picture, Samples, Sampling
from lookhear.media.probe import Probe
from lookhear.media.seen import Seen
from lookhear.media.sound import Heard
from lookhear.models.card import AUTO, Want
from lookhear.tasks.frames import SCENES

if TYPE_CHECKING:
    from lookhear.models.shelf import Model


@dataclass(frozen=True)
class Spectra:
    """Consecutive STFT frames. Frame i is centred on sample i * HOP_LENGTH of MONO_22K."""

    start: int  #: index of the first frame
    power: FloatArray  #: (frames, 1 + N_FFT // 2), squared magnitude; read-only
    magnitude: FloatArray  #: (frames, 1 + N_FFT // 2); read-only
    mel: FloatArray  #: (frames, 128), Slaney mel power as in librosa.feature.melspectrogram; read-only


@dataclass(frozen=True)
class Block:
    """What a fold gets: one form, one run. Exactly the forms named in ``Task.forms`` arrive, each in order."""

    form: Form
    samples: Samples | None = None
    spectra: Spectra | None = None
    picture: Picture | None = None
    frames: Frames | None = None  #: for FRAMES and MOTION


@dataclass
class Context:
    """What a fold may know beside the blocks."""

    probe: Probe
    warn: Callable[[str], None]  #: leave a sentence for the report
    heard: Heard = field(default_factory=Heard)  #: what decoding came upon; complete when ``finish`` is called
    seen: Seen = field(default_factory=Seen)  #: likewise of the frames of a film
    results: Mapping[str, Any] = field(default_factory=dict)  #: of the tasks in ``needs``, ``uses`` and ``after``
    #: by role, all that it wants; of the optional ones those that are installed
    models: Mapping[str, Model] = field(default_factory=dict)


ResultT = TypeVar("ResultT", covariant=True)


class Fold(Protocol[ResultT]):
    """The running state of one task over one medium. A deep copy of it can be finished while it goes on."""

    def add(self, block: Block) -> None:
        """Take the next block; arrays in it belong to all folds and must not be written to."""

    def finish(self) -> ResultT:
        """The result over all blocks so far. Called once; empty input is a defined case."""
        ...


class PictureFold(Generic[ResultT]):
    """The fold of an image task: ``look`` at the picture, or at None where none came."""

    def __init__(self, look: Callable[[Picture | None], ResultT]) -> None:
        self._look = look
        self._picture: Picture | None = None

    def add(self, block: Block) -> None:
        """The picture."""
        self._picture = block.picture or self._picture

    def finish(self) -> ResultT:
        """What it shows."""
        return self._look(self._picture)


class Relation(Enum):
    """What one medium is to another."""

    COPY = "copy"
    PART = "part"  #: the shorter one is found in the longer, which holds much beside it
    OTHER = "other"


@dataclass(frozen=True)
class Likeness:
    """How the second of two media compares to the first."""

    relation: Relation
    score: float  #: 0..1
    reason: str  #: in words, as "same recording, starts 3.2 s later"
    offset: float | None = None  #: s: a moment t of the first is at t + offset in the second


@dataclass(frozen=True)
class Candidate(Generic[ResultT]):
    """A medium of a collection: the task's result, None where it failed, and what the container says."""

    value: ResultT | None
    probe: Probe


class Matcher(Protocol):
    """Finds copies in a collection by the results of one task. Media are told by their places in it."""

    def __init__(self, media: Sequence[Candidate[Any]]) -> None: ...

    @property
    def leads(self) -> bool:
        """Does its word stand against that of tasks that do not lead?"""
        ...

    def candidates(self, place: int) -> Sequence[int]:
        """Other media that are worth a comparison, found without looking at each."""
        ...

    def compare(self, one: int, other: int) -> Likeness | None:
        """The second as compared to the first; None where this task cannot tell."""
        ...


@dataclass(frozen=True)
class NoOptions:
    """A task without options."""


OptionsT = TypeVar("OptionsT", contravariant=True)


class Task(Generic[OptionsT, ResultT]):
    """Facts of a task and how to start it. Subclasses are stateless; one instance serves all media."""

    name: ClassVar[str]
    version: ClassVar[str]
    summary: ClassVar[str]  #: one line for tables and help
    kinds: ClassVar[frozenset[str]]  #: of "audio", "image", "video"
    forms: ClassVar[frozenset[Form]] = frozenset()
    needs: ClassVar[tuple[str, ...]] = ()  #: tasks whose results it cannot do without; they run too
    uses: ClassVar[tuple[str, ...]] = ()  #: likewise, where the weights that these take are installed
    role: ClassVar[str] = ""  #: what its model is for; its options then have a field ``model``
    after: ClassVar[tuple[str, ...]] = ()  #: tasks whose results it uses where they run anyway
    default: ClassVar[bool] = True  #: runs when no tasks are named
    drawn: ClassVar[bool] = False  #: runs for a page all the same
    headline: ClassVar[Mapping[str, str]] = {}  #: column title -> result field, for tables with a row per medium
    Options: ClassVar[type[Any]] = NoOptions  #: frozen dataclass, a default for every field
    Result: ClassVar[type[Any]]  #: frozen dataclass of plain values, tuples and dataclasses
    #: of a task by whose results copies are found
    matcher: ClassVar[type[Matcher] | None] = None

    def start(self, context: Context, options: OptionsT) -> Fold[ResultT]:
        """A fresh fold for one medium."""
        raise NotImplementedError

    def sampling(self, options: OptionsT) -> Sampling:
        """Which frames of a film come as PIXELS, and how large a picture or frame is at most."""
        return Sampling()

    def wants(self, options: OptionsT) -> tuple[Want, ...]:
        """The models it takes; without them it fails before anything is decoded, or is left out if nobody named it."""
        return (Want(self.role, getattr(options, "model", AUTO)),) if self.role else ()

    def needs_with(self, options: OptionsT) -> tuple[str, ...]:
        """``needs``, and where key frames of scenes are looked at, the task that finds them."""
        film = "video" in self.kinds and Form.PIXELS in self.forms
        return (*self.needs, SCENES) if film and self.sampling(options).key_frames else self.needs


__all__ = [
    "AUTO",
    "HOP_LENGTH",
    "N_FFT",
    "SAMPLE_RATE",
    "Block",
    "Candidate",
    "Context",
    "FloatArray",
    "Fold",
    "Form",
    "Frames",
    "Likeness",
    "Matcher",
    "NoOptions",
    "Picture",
    "PictureFold",
    "Relation",
    "Samples",
    "Sampling",
    "Seen",
    "Spectra",
    "Task",
    "Want",
]
