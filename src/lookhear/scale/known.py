"""What is in the place already: keys of all rows, sixteen bytes each, and what must not be in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow.compute as compute
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from lookhear.scale.place import Place
from lookhear.scale.rows import AGAIN, encoded

_AT_ONCE = 8  # files that are read ahead


class Known:
    """A set of keys that takes no more room than they do."""

    def __init__(self, keys: bytes) -> None:
        pairs = np.frombuffer(keys, dtype="<u8").reshape(-1, 2)
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        self._pairs: NDArray[np.uint64] = pairs[order]

    def __len__(self) -> int:
        return len(self._pairs)

    def __contains__(self, key: object) -> bool:
        assert isinstance(key, bytes)
        high, low = np.frombuffer(key, dtype="<u8")
        first = self._pairs[:, 0]
        begin, end = np.searchsorted(first, high), np.searchsorted(first, high, "right")
        return bool((self._pairs[begin:end, 1] == low).any())

    def twice(self) -> set[bytes]:
        """Keys that are there more than once."""
        same = (self._pairs[1:] == self._pairs[:-1]).all(axis=1)
        return {pair.tobytes() for pair in self._pairs[1:][same]}


@dataclass(frozen=True)
class Kept:
    """All rows of a place. ``codes``: how many have which error."""

    known: Known
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.known)

    @property
    def errors(self) -> int:
        """Rows that hold no report, but why there is none."""
        return sum(self.codes.values())


def survey(place: Place, *, again: bool = False) -> Kept:
    """What is kept. Rows that are there twice are dropped; with ``again`` also those that may be well the next time."""
    kept = _read(place, again)
    twice = kept.known.twice()
    if twice:
        _drop_twice(place, twice)
        kept = _read(place, False)
    return kept


def _read(place: Place, again: bool) -> Kept:
    keys, codes = bytearray(), Counter[str]()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for name, block in _ahead(pool, place, place.names()):
            if again:
                block = _without(place, name, block, compute.invert(_to_ask_again(block)))
            keys += b"".join(block["key"].to_pylist())
            codes.update(code for code in block["error_code"].to_pylist() if code is not None)
    return Kept(Known(bytes(keys)), codes)


def _ahead(pool: ThreadPoolExecutor, place: Place, names: list[str]) -> Iterator[tuple[str, Any]]:
    """Each file's few columns, some files ahead of who takes them."""
    coming = []
    for name in names:
        coming.append((name, pool.submit(_columns, place, name)))
        if len(coming) > _AT_ONCE:
            first, block = coming.pop(0)
            yield first, block.result()
    for first, block in coming:
        yield first, block.result()


def _columns(place: Place, name: str) -> Any:
    with place.open(name) as file:
        return parquet.read_table(file, columns=["key", "version", "error_code"])


def _to_ask_again(block: Any) -> Any:
    import pyarrow as arrow

    codes = compute.is_in(block["error_code"], value_set=arrow.array(sorted(AGAIN), arrow.string()))
    return compute.or_(codes, compute.equal(block["version"], ""))  # "": it could not even be listed


def _drop_twice(place: Place, twice: set[bytes]) -> None:
    seen: set[bytes] = set()
    for name in place.names():
        block = _columns(place, name)
        fresh = []
        for key in block["key"].to_pylist():
            fresh.append(key not in seen)
            if key in twice:
                seen.add(key)
        _without(place, name, block, fresh)


def _without(place: Place, name: str, block: Any, stays: Any) -> Any:
    """The file with only some of its rows, or gone where none stays; exchanged at once."""
    import pyarrow as arrow

    stays = arrow.array(stays) if isinstance(stays, list) else stays
    left = block.filter(stays)
    if left.num_rows == block.num_rows:
        return block
    if not left.num_rows:
        place.remove(name)
        return left
    with place.open(name) as file:
        whole = parquet.read_table(file)
    place.put(name, encoded(whole.filter(stays)))
    return left
