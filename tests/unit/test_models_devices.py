"""What there is to compute with: processors that control groups allow, and a GPU where one is required."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lookhear.errors import DeviceMissing, InvalidOptions
from lookhear.models import sessions as module
from lookhear.models.devices import chosen, device_name, has_gpu, preferred, processors
from lookhear.models.runtimes import onnx
from lookhear.models.sessions import Sessions
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Model
from lookhear.models.store import Installed, Store
from support.weights import install, rows

USABLE = len(os.sched_getaffinity(0))


def groups(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("cpu_max", "cpu.max").replace("cpu_cfs", "cpu.cfs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


QUOTAS = {
    "none": ({}, USABLE),
    "2: no bound": ({"cpu_max": "max 100000"}, USABLE),
    "2: one": ({"cpu_max": "100000 100000"}, 1),
    "2: a part of one": ({"cpu_max": "25000 100000"}, 1),
    "2: one and a half": ({"cpu_max": "150000 100000"}, min(2, USABLE)),
    "2: more than there are": ({"cpu_max": "99900000 100000"}, USABLE),
    "2: nonsense": ({"cpu_max": "many"}, USABLE),
    "2: no period": ({"cpu_max": "100000 0"}, USABLE),
    "1: no bound": ({"cpu__cpu_cfs_quota_us": "-1", "cpu__cpu_cfs_period_us": "100000"}, USABLE),
    "1: one": ({"cpu__cpu_cfs_quota_us": "100000", "cpu__cpu_cfs_period_us": "100000"}, 1),
    "1: half": ({"cpu__cpu_cfs_quota_us": "50000", "cpu__cpu_cfs_period_us": "100000"}, 1),
    "1: no period": ({"cpu__cpu_cfs_quota_us": "50000", "cpu__cpu_cfs_period_us": "0"}, USABLE),
    "1: quota alone": ({"cpu__cpu_cfs_quota_us": "50000"}, USABLE),
    "both: 2 counts": (
        {"cpu_max": "100000 100000", "cpu__cpu_cfs_quota_us": "-1", "cpu__cpu_cfs_period_us": "100000"},
        1,
    ),
}


@pytest.mark.parametrize(("files", "expected"), QUOTAS.values(), ids=QUOTAS)
def test_the_quota_bounds_the_processors(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    assert processors(groups(tmp_path, **files)) == expected


def test_processes_that_share_a_machine_share_threads_and_memory() -> None:
    own = ModelSettings(model_threads=8, model_memory_mb=4000)
    assert (own.shared_by(4).model_threads, own.shared_by(4).model_memory_mb) == (8, 1000)
    assert ModelSettings().shared_by(10**6).model_threads == 1
    assert ModelSettings().shared_by(0).model_memory_mb == ModelSettings().model_memory_mb


def test_a_gpu_that_is_required_and_not_wanted_is_told() -> None:
    with pytest.raises(DeviceMissing, match="REQUIRE_GPU is set, but USE_GPU is false"):
        preferred(ModelSettings(require_gpu=True, use_gpu=False))
    assert preferred(ModelSettings(use_gpu=False)) == "cpu"


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
def test_a_gpu_that_is_required_and_not_there_is_told(tmp_path: Path) -> None:
    assert preferred(ModelSettings()) == "cpu"
    pool = Sessions(ModelSettings(require_gpu=True))
    with pytest.raises(DeviceMissing, match="there is no CUDA device"), pool.use(install(Store(tmp_path), tmp_path)):
        pass
    assert pool.status() == ()
    pool.close()


@pytest.mark.skipif(onnx._usable("cuda") == "cuda", reason="ONNX Runtime can use a GPU")
def test_a_gpu_that_onnx_runtime_cannot_use_is_no_gpu(tmp_path: Path) -> None:
    one = install(Store(tmp_path), tmp_path)
    loaded = onnx.load(one, "cuda", ModelSettings())
    assert loaded.device == "cpu" and loaded.run(rows(1.0))[0][0, 0] == 2.0
    with pytest.raises(DeviceMissing, match="REQUIRE_GPU is set, but ONNX Runtime cannot use the GPU"):
        onnx.load(one, "cuda", ModelSettings(require_gpu=True))


class SmallGpu:
    """ONNX Runtime on a GPU that has no memory left for loading, or for running."""

    def __init__(self, *, loads: bool) -> None:
        self.loads = loads
        self.devices: list[str] = []

    def load(self, one: Installed, device: str, settings: ModelSettings) -> Any:
        self.devices.append(device)
        if device == "cpu":
            return onnx.load(one, device, settings)
        if not self.loads:
            raise RuntimeError("CUDA failure 2: out of memory")
        return self

    native, device = None, "cuda"

    def run(self, feeds: object) -> None:
        raise RuntimeError("Failed to allocate memory for requested buffer of size 99")

    def close(self) -> None: ...

    def out_of_memory(self, error: BaseException) -> bool:
        return onnx.out_of_memory(error)


@pytest.mark.parametrize("loads", [True, False])
def test_what_the_gpu_has_no_memory_for_goes_on_on_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loads: bool
) -> None:
    gpu, pool = SmallGpu(loads=loads), Sessions(ModelSettings())
    monkeypatch.setattr(module, "runtime", lambda card: gpu)
    monkeypatch.setattr(module, "preferred", lambda settings: "cuda")
    model = Model(install(Store(tmp_path), tmp_path), pool)
    for _ in range(2):
        assert model.run(rows(1.0))[0][0, 0] == 2.0
    assert gpu.devices == ["cuda", "cpu"], "once it has learned, it asks the GPU no more"
    assert [(status.device, status.users) for status in pool.status()] == [("cpu", 0)]
    pool.close()


def test_where_a_gpu_is_required_its_lack_of_memory_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, pool = SmallGpu(loads=False), Sessions(ModelSettings(require_gpu=True))
    monkeypatch.setattr(module, "runtime", lambda card: gpu)
    monkeypatch.setattr(module, "preferred", lambda settings: "cuda")
    with pytest.raises(RuntimeError, match="out of memory"):
        Model(install(Store(tmp_path), tmp_path), pool).run(rows(1.0))
    assert gpu.devices == ["cuda"]
    pool.close()


def test_a_process_is_left_with_the_device_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that its environment leaves it, by whatever name; a choice made before counts."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-8f3a")
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    with pytest.raises(DeviceMissing, match="There are: cpu, cuda:0, cuda:1"):
        chosen("cuda:2")
    assert chosen("CUDA:1") == {"use_gpu": True, "require_gpu": True}
    assert (os.environ["CUDA_VISIBLE_DEVICES"], os.environ["CUDA_DEVICE_ORDER"]) == ("GPU-8f3a", "FASTEST_FIRST")
    assert chosen("cuda")["require_gpu"] and os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-8f3a"
    assert chosen("cpu") == {"use_gpu": False, "require_gpu": False}


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:0", ""])
def test_what_is_no_device_is_refused(device: str) -> None:
    with pytest.raises(InvalidOptions, match="Give cpu, cuda"):
        chosen(device)


def test_the_device_is_named() -> None:
    assert device_name(ModelSettings(use_gpu=False)) == "cpu"
    if not has_gpu():
        assert device_name(ModelSettings(use_gpu=True)) == "cpu"
