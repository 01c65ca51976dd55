"""Models in memory: loaded once for all, never taken from who uses them, and gone when nobody needs them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookhear.errors import InvalidModel, LookhearError, ModelMissing
from lookhear.models import sessions as module
from lookhear.models.runtimes import onnx
from lookhear.models.sessions import Sessions, weight
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Model
from lookhear.models.store import Installed, Store
from support.weights import install, rows, shelf, times


class Gate:
    """ONNX Runtime, which begins to load when it is told to; ``calls``: how often it was asked to."""

    def __init__(self) -> None:
        self.calls = 0
        self.opened = threading.Event()
        self.error: Exception | None = None

    def load(self, one: Installed, device: str, settings: ModelSettings) -> Any:
        self.calls += 1
        assert self.opened.wait(20)
        if self.error is not None:
            raise self.error
        return onnx.load(one, device, settings)

    def out_of_memory(self, error: BaseException) -> bool:
        return onnx.out_of_memory(error)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    found = Gate()
    monkeypatch.setattr(module, "runtime", lambda card: found)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def pools() -> Iterator[Callable[..., Sessions]]:
    """Makes pools, and closes them."""
    made: list[Sessions] = []

    def make(clock: Callable[[], float] = lambda: 0.0, **settings: Any) -> Sessions:
        made.append(Sessions(ModelSettings(**settings), clock))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def doubled(pool: Sessions, one: Installed) -> float:
    return float(Model(one, pool).run(rows(1.0))[0][0, 0])


def users(pool: Sessions) -> int:
    return sum(entry.users for entry in pool._entries.values())


def asked_by_four(pool: Sessions, one: Installed, gate: Gate) -> list[Future[float]]:
    """Four threads that all ask before the first of them has it."""
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(doubled, pool, one) for _ in range(4)]
        while users(pool) < 4:
            assert not any(future.done() for future in futures)
        gate.opened.set()
    return futures


def test_four_threads_that_ask_for_a_cold_model_load_it_once(
    store: Store, tmp_path: Path, gate: Gate, pools: Callable[..., Sessions]
) -> None:
    pool, one = pools(), install(store, tmp_path)
    futures = asked_by_four(pool, one, gate)
    assert [future.result() for future in futures] == [2.0] * 4
    assert gate.calls == 1 and pool.loads(one) == 1 and users(pool) == 0


def test_what_fails_to_load_fails_for_all_who_wait_and_is_tried_again_later(
    store: Store, tmp_path: Path, gate: Gate, pools: Callable[..., Sessions]
) -> None:
    pool, one = pools(), install(store, tmp_path)
    gate.error = InvalidModel("It is no good.")
    futures = asked_by_four(pool, one, gate)
    assert [str(future.exception()) for future in futures] == ["It is no good."] * 4
    assert {type(future.exception()) for future in futures} == {InvalidModel}
    assert gate.calls == 1 and pool.status() == () and pool._entries == {}
    gate.error = None
    assert doubled(pool, one) == 2.0 and gate.calls == 2


def test_a_file_that_is_gone_or_changed_is_a_typed_error_each_time(
    store: Store, tmp_path: Path, pools: Callable[..., Sessions]
) -> None:
    pool, one = pools(), install(store, tmp_path)
    whole = one.file().read_bytes()
    one.file().write_bytes(whole[:40])
    for _ in range(2):
        with pytest.raises(InvalidModel, match=r"tiny@1 cannot be loaded: it is damaged.*tiny\.onnx"):
            doubled(pool, one)
    one.file().unlink()
    with pytest.raises(ModelMissing, match=r"tiny\.onnx is gone\. Get it again: lookhear models pull --force tiny@1"):
        doubled(pool, one)
    one.file().write_bytes(whole)
    assert doubled(pool, one) == 2.0


def test_the_longest_unused_makes_room(store: Store, tmp_path: Path, pools: Callable[..., Sessions]) -> None:
    times_used = iter(range(100))
    pool = pools(lambda: float(next(times_used)), model_memory_mb=250)
    one, two, three = (install(store, tmp_path, name=name, memory=100) for name in ("one", "two", "three"))
    for model in (one, two, one, three):
        doubled(pool, model)
    assert [status.name for status in pool.status()] == ["one", "three"]
    doubled(pool, two)
    assert [status.name for status in pool.status()] == ["three", "two"]
    assert {status.memory for status in pool.status()} == {100} and pool.loads(two) == 1


def test_a_model_over_the_budget_is_loaded_all_the_same_alone(
    store: Store, tmp_path: Path, pools: Callable[..., Sessions]
) -> None:
    pool = pools(model_memory_mb=50)
    small, huge = install(store, tmp_path, name="small", memory=10), install(store, tmp_path, name="huge", memory=900)
    doubled(pool, small)
    assert doubled(pool, huge) == 2.0
    assert [status.name for status in pool.status()] == ["huge"]


def test_what_is_in_use_stays_whatever_comes(store: Store, tmp_path: Path, pools: Callable[..., Sessions]) -> None:
    pool = pools(model_memory_mb=100)
    one, two = (install(store, tmp_path, name=name, memory=100) for name in ("one", "two"))
    with pool.use(one) as loaded:
        doubled(pool, two)
        assert pool.unload() == 1
        assert [(status.name, status.users) for status in pool.status()] == [("one", 1)]
        assert loaded.run(rows(1.0))[0][0, 0] == 2.0  # type: ignore[attr-defined]
    assert pool.unload() == 1 and pool.status() == ()


def test_models_that_load_at_the_same_time_count_each_other(
    store: Store, tmp_path: Path, gate: Gate, pools: Callable[..., Sessions]
) -> None:
    pool = pools(model_memory_mb=200)
    idle, one, two = (install(store, tmp_path, name=name, memory=100) for name in ("idle", "one", "two"))
    gate.opened.set()
    doubled(pool, idle)
    gate.opened.clear()
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(doubled, pool, model) for model in (one, two)]
        while gate.calls < 3:
            assert not any(future.done() for future in futures)
        gate.opened.set()
    assert [future.result() for future in futures] == [2.0, 2.0]
    assert {status.name for status in pool.status()} == {"one", "two"}


def test_what_nobody_used_for_a_while_goes(store: Store, tmp_path: Path, pools: Callable[..., Sessions]) -> None:
    now = [0.0]
    pool = pools(lambda: now[0], model_idle_seconds=300.0)
    one, two = (install(store, tmp_path, name=name) for name in ("one", "two"))
    doubled(pool, one)
    now[0] = 200.0
    doubled(pool, two)
    now[0] = 301.0
    pool._sweep()
    assert [status.name for status in pool.status()] == ["two"]
    now[0] = 500.0
    pool._sweep()
    assert pool.status() == ()
    assert doubled(pool, one) == 2.0


def test_it_goes_by_itself_even_if_nobody_asks(store: Store, tmp_path: Path) -> None:
    import time

    pool = Sessions(ModelSettings(model_idle_seconds=0.01))
    doubled(pool, install(store, tmp_path))
    deadline = time.monotonic() + 10
    while pool.status():
        assert time.monotonic() < deadline
    pool.close()


def test_a_long_run_is_no_idleness(store: Store, tmp_path: Path, pools: Callable[..., Sessions]) -> None:
    now = [0.0]
    pool = pools(lambda: now[0], model_idle_seconds=1.0)
    with pool.use(install(store, tmp_path)):
        now[0] = 1000.0
        pool._sweep()
        assert len(pool.status()) == 1
    pool._sweep()
    assert len(pool.status()) == 1, "it was used a moment ago"


def test_other_weights_under_the_same_version_are_loaded_anew(
    store: Store, tmp_path: Path, pools: Callable[..., Sessions]
) -> None:
    pool, one = pools(), install(store, tmp_path)
    assert doubled(pool, one) == 2.0
    with pool.use(one) as held:
        other = install_again(store, tmp_path, times(5.0))
        assert doubled(pool, other) == 5.0
        assert held.run(rows(1.0))[0][0, 0] == 2.0, "who runs goes on undisturbed"  # type: ignore[attr-defined]
    assert held.native is None, "and then it is let go"
    assert len(pool.status()) == 1 and pool.loads(other) == 1
    same = install_again(store, tmp_path, times(5.0))
    assert doubled(pool, same) == 5.0 and pool.loads(same) == 1


def install_again(store: Store, folder: Path, data: bytes) -> Installed:
    from lookhear.models.card import Source
    from lookhear.models.install import pull
    from support.weights import card

    (folder / "again.onnx").write_bytes(data)
    return pull(card(Source(file=str(folder / "again.onnx")), data=data), store, force=True)


def test_the_weight_of_a_model_is_what_its_card_says_or_its_files(store: Store, tmp_path: Path) -> None:
    assert weight(install(store, tmp_path, memory=77)) == 77
    one = install(store, tmp_path, name="other")
    (one.folder / "tiny.onnx").write_bytes(bytes(8 << 20))
    assert weight(one) == 11


def test_models_that_are_removed_meanwhile_trouble_no_other(
    store: Store, tmp_path: Path, pools: Callable[..., Sessions]
) -> None:
    pool = pools(model_memory_mb=3)
    one, two = (install(store, tmp_path, name=name) for name in ("one", "two"))
    doubled(pool, one)
    store.remove("one", "1")
    assert doubled(pool, two) == 2.0
    assert len(pool.status()) <= 2


def test_a_closed_pool_watches_no_longer(store: Store, tmp_path: Path) -> None:
    pool = Sessions(ModelSettings(model_idle_seconds=1000.0))
    doubled(pool, install(store, tmp_path))
    pool.close()
    assert pool.status() == () and pool._sweeper is None
    assert doubled(pool, install(store, tmp_path)) == 2.0 and pool._sweeper is None


def test_a_slot_of_the_gpu_is_one_whatever_else_its_holder_uses(pools: Callable[..., Sessions]) -> None:
    class OnGpu:
        native, device = None, "cuda"

        def close(self) -> None: ...

    pool = pools(gpu_concurrency=1)
    with pool._slot(OnGpu()), pool._slot(OnGpu()):
        assert not pool._slots.acquire(blocking=False)
    assert pool._slots.acquire(blocking=False)
    pool._slots.release()


def test_one_shelf_serves_models_to_all_who_ask(tmp_path: Path) -> None:
    found = shelf(tmp_path / "store")
    one = install(found.store, tmp_path)
    model = Model(one, found.sessions)
    assert model.card.id == "tiny@1" and model.file() == one.folder / "tiny.onnx"
    with model.use() as native:
        assert [tensor.name for tensor in native.get_inputs()] == ["x"]
    np.testing.assert_array_equal(model.run(rows(1, 2))[0], 2 * rows(1, 2)["x"])
    found.sessions.close()


def test_what_a_model_cannot_take_is_its_own_error(
    store: Store, tmp_path: Path, pools: Callable[..., Sessions]
) -> None:
    pool, one = pools(), install(store, tmp_path)
    with pytest.raises(Exception, match="INVALID_ARGUMENT") as caught:
        Model(one, pool).run({"x": np.zeros((1, 5), np.float32)})
    assert not isinstance(caught.value, LookhearError) and users(pool) == 0
    assert doubled(pool, one) == 2.0
