"""What there is to compute with: processors the container may use, and a GPU."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookhear.errors import DeviceMissing, InvalidOptions

if TYPE_CHECKING:
    from lookhear.models.settings import ModelSettings

CPU, CUDA = "cpu", "cuda"
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_GROUPS = Path("/sys/fs/cgroup")


def processors(groups: Path = _GROUPS) -> int:
    """How many processors this process may keep busy: its affinity, and the quota of its container; at least 1."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(groups)
    return max(1, usable if quota is None else min(usable, math.ceil(quota)))


def _quota(groups: Path) -> float | None:
    """Processors that control groups allow: version 2, else 1; None where they set no bound."""
    try:
        allowed, period = (groups / "cpu.max").read_text().split()
        return None if allowed == "max" else int(allowed) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:
        allowed, period = ((groups / "cpu" / f"cpu.cfs_{word}_us").read_text() for word in ("quota", "period"))
        return int(allowed) / int(period) if int(allowed) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


@dataclass(frozen=True)
class Gpu:
    """The first CUDA device, by its driver; sizes in MiB."""

    name: str
    memory_total: int
    memory_used: int


@lru_cache(maxsize=1)
def has_gpu() -> bool:
    """Is there a CUDA device, whatever can use it?"""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        count = ctypes.c_int(0)
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except (OSError, AttributeError):
        return False


def gpu() -> Gpu | None:
    """The device that is used with its memory as it is now, by NVIDIA's management library; None where there is none."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
        handle, memory = ctypes.c_void_p(), (ctypes.c_ulonglong * 3)()
        name = ctypes.create_string_buffer(96)
        first = _visible()[:1]
        index = int(first[0]) if first and first[0].isdecimal() else 0
        if library.nvmlInit_v2() or library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
            return None
        library.nvmlDeviceGetName(handle, name, 96)
        library.nvmlDeviceGetMemoryInfo(handle, memory)
    except (OSError, AttributeError):
        return None
    total, _, used = (int(value) >> 20 for value in memory)
    return Gpu(name.value.decode("utf-8", "replace"), total, used)


def _visible() -> list[str]:
    """Devices that the environment leaves to this process; empty: all."""
    return [one.strip() for one in os.environ.get(_VISIBLE, "").split(",") if one.strip()]


def _count() -> int:
    """CUDA devices of this machine; asked without CUDA itself, which would no longer hear of the choice."""
    try:
        library, count = ctypes.CDLL("libnvidia-ml.so.1"), ctypes.c_uint(0)
        found = not library.nvmlInit_v2() and not library.nvmlDeviceGetCount_v2(ctypes.byref(count))
        return count.value if found else 0
    except (OSError, AttributeError):
        return 0


def chosen(device: str) -> dict[str, Any]:
    """Settings with which models run on ``device`` (cpu, cuda, cuda:1) alone; the process and its children see no other.

    To be called before anything runs on a device. Raises InvalidOptions for what is no device, DeviceMissing.
    """
    kind, colon, number = device.strip().lower().partition(":")
    if kind == CPU and not colon:
        return {"use_gpu": False, "require_gpu": False}
    if kind != CUDA or (colon and not (number.isascii() and number.isdecimal())):
        raise InvalidOptions(f"The device '{device}' is none. Give cpu, cuda, or cuda:0 and so on.")
    there = _visible() or [str(index) for index in range(_count())]
    index = int(number or 0)
    if index >= len(there):
        known = ", ".join(["cpu", *(f"{CUDA}:{one}" for one in range(len(there)))])
        raise DeviceMissing(f"There is no device {CUDA}:{index} here. There are: {known}.")
    os.environ[_VISIBLE] = there[index]
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # as the driver counts them
    return {"use_gpu": True, "require_gpu": True}


def device_name(settings: ModelSettings) -> str:
    """Where models of this process run, in words: cpu, or cuda:1 (its name)."""
    if not settings.use_gpu or not has_gpu():
        return CPU
    found, first = gpu(), _visible()[:1]
    return f"{CUDA}:{first[0] if first else 0}" + (f" ({found.name})" if found else "")


def preferred(settings: ModelSettings) -> str:
    """``cuda`` where it is wanted and there, else ``cpu``. Raises DeviceMissing if a GPU is required."""
    if settings.use_gpu and has_gpu():
        return CUDA
    if settings.require_gpu:
        why = "there is no CUDA device" if settings.use_gpu else "USE_GPU is false"
        raise DeviceMissing(f"REQUIRE_GPU is set, but {why}. Install NVIDIA's driver, or unset it.")
    return CPU


def give_back_memory() -> None:
    """Ask the C library to hand free memory back to the system; where it cannot, nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
