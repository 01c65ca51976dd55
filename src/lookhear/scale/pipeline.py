"""The stages: list → analyse (actors, each with its models loaded once) → write. Imported only where Ray is wanted.

A file that crashes its decoder ends a process of the actor's, not the actor; a machine that is lost has its blocks done
again by others. What is written is what counts: rows are told by keys, files by the keys in them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as arrow
import ray
import ray.data
from ray.data import ActorPoolStrategy, DataContext, Datasource, ReadTask, TaskPoolStrategy
from ray.data.block import BlockMetadata

from lookhear.analysis.batch import Pool, Request
from lookhear.scale import rows
from lookhear.scale.listing import to_do
from lookhear.scale.place import place

_FOUND = arrow.schema([("paths", arrow.list_(arrow.binary())), ("versions", arrow.list_(arrow.string()))])


_OFTEN = 0.5  # s between words about a listing


@dataclass(frozen=True)
class Stages:
    """How it is spread: between ``least`` and so many ``actors``."""

    least: int
    actors: int
    cpus: float
    gpus: float
    batch: int
    block: int


@ray.remote(num_cpus=0)
class Tally:
    """How far it is. What a source has shown may be told again; what was analysed is only to look on."""

    def __init__(self) -> None:
        self._sources: dict[int, tuple[int, int]] = {}
        self._done = self._refused = 0

    def told(self, source: int, listed: int, known: int) -> None:
        """So many files of a source so far, and how many of them have a row already."""
        self._sources[source] = max((listed, known), self._sources.get(source, (0, 0)))

    def made(self, done: int, refused: int) -> None:
        """So many more."""
        self._done += done
        self._refused += refused

    def now(self) -> tuple[int, int, int, int]:
        """Listed, known, done, refused."""
        listed, known = map(sum, zip(*self._sources.values(), strict=True)) if self._sources else (0, 0)
        return listed, known, self._done, self._refused


class _Listing(Datasource):  # type: ignore[misc]
    """Each source is listed by a task of its own, while others work on what it has found."""

    def __init__(self, sources: Sequence[str], *facts: Any) -> None:
        self._facts = (tuple(sources), *facts)

    def get_name(self) -> str:
        """In logs."""
        return "Media"

    def estimate_inmemory_data_size(self) -> int | None:
        """Nobody knows before it is listed."""
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
        """One for each source."""
        facts = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None)
        return [ReadTask(_reader(index, *self._facts), facts) for index in range(len(self._facts[0]))]


def _reader(index: int, sources: Sequence[str], known: Any, tally: Any, out: str, size: int) -> Any:
    def read() -> Iterator[Any]:
        told = time.monotonic()
        for block, listed, skipped in to_do(sources, index, ray.get(known), out, size):
            if len(block) < size or time.monotonic() - told > _OFTEN:
                told = time.monotonic()
                ray.get(tally.told.remote(index, listed, skipped))
            if block:
                row = {"paths": [one.path for one in block], "versions": [one.version for one in block]}
                yield arrow.Table.from_pylist([row], schema=_FOUND)

    return read


class _Analyst:
    """One actor. Its files are decoded in a process of their own, which keeps the models."""

    def __init__(self, request: Request, tally: Any) -> None:
        self._tally = tally
        sys.modules["__main__"].__dict__.pop("__file__", None)  # else that process would start as a worker of Ray's
        self._pool = Pool(request)

    def __call__(self, blocks: Any) -> Any:
        """Rows for files."""
        return arrow.table({"rows": [rows.packed(self._analysed(one)) for one in blocks.to_pylist()]})

    def _analysed(self, files: dict[str, list[Any]]) -> Any:
        asked = {os.fsdecode(path): version for path, version in zip(files["paths"], files["versions"], strict=True)}
        made = []
        for path, line in self._pool.run(asked):
            made.append(rows.row(os.fsencode(path), asked[path], line))
            refused = "error_code" in made[-1]
            self._tally.made.remote(not refused, refused)
        return rows.table(made)


def _write(blocks: Any, out: str) -> Any:
    """One file of Parquet; what comes of it is its name."""
    block = rows.unpacked(blocks["rows"].to_pylist())
    name = rows.name_of(block["key"].to_pylist())
    place(out).put(name, rows.encoded(block))
    return arrow.table({"name": [name]})


def written(
    sources: Sequence[str], request: Request, known: Any, tally: Any, out: str, stages: Stages
) -> Iterator[str]:
    """The name of each file of Parquet that is written."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = 1  # each row is a block: some files, or some reports, that go to whoever is free
    found = ray.data.read_datasource(
        _Listing(sources, ray.put(known), tally, out, stages.batch),
        num_cpus=0,
        compute=TaskPoolStrategy(size=min(8, len(sources))),
        override_num_blocks=len(sources),
    )
    made = found.map_batches(
        _Analyst,
        fn_constructor_args=(request, tally),
        batch_size=1,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(min_size=stages.least, max_size=stages.actors),
        num_cpus=stages.cpus,
        num_gpus=stages.gpus or None,
    )
    told = made.map_batches(
        _write,
        fn_kwargs={"out": out},
        batch_size=max(1, stages.block // stages.batch),
        batch_format="pyarrow",
        num_cpus=0,
        compute=TaskPoolStrategy(size=max(2, stages.actors // 16)),
    )
    for line in told.iter_rows():
        yield line["name"]
