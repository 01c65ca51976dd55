"""One run: what is known, the stages, and whether it adds up."""

from __future__ import annotations

import logging
import math
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import util

from lookhear.analysis.batch import Request
from lookhear.errors import DeviceMissing, InvalidSettings, LookhearError, ServiceUnreachable, Unsupported
from lookhear.models.devices import processors
from lookhear.models.settings import ModelSettings
from lookhear.scale.listing import absolute
from lookhear.scale.manifest import Sum, agree, tell
from lookhear.scale.place import Place, place
from lookhear.scale.settings import ScaleSettings

_STORE = 1 << 29  # bytes of shared memory on one machine: what flows is small
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}
_PATIENCE = 5.0  # s for a connection to a cluster
Told = Callable[[int, int, int, int], None]  #: files listed, known, done, refused so far


def check() -> None:
    """Raises Unsupported without Ray."""
    if util.find_spec("ray") is None or util.find_spec("pyarrow") is None:
        raise Unsupported("The engine 'ray' needs Ray. Install it with: pip install 'lookhear[ray]'.")


def spread(sources: Sequence[str], out: str, request: Request, settings: ScaleSettings, actors: int, told: Told) -> Sum:
    """Analyse all files of the sources that have no row in ``out`` yet. ``actors``: at most so many; 0: what fits.

    On this machine, or with RAY_ADDRESS on that cluster. Raises InputError for a place that holds something else,
    MediumUnreadable for one that cannot be written, DeviceMissing, Unsupported.
    """
    check()
    _check_settings(settings)
    began = time.monotonic()
    where = place(out)
    names = list(dict.fromkeys(absolute(source) for source in sources))
    with where.held():
        agree(where, request)
        with warnings.catch_warnings(), _cluster(settings, actors):
            warnings.simplefilter("ignore")  # Ray's advice about Ray
            with _told_apart():
                total = _run(names, where, request, settings, actors, told)
        total.seconds = round(time.monotonic() - began, 3)
        total.files_per_second = round((total.done + total.refused) / total.seconds, 3)
        tell(where, total)
    return total


def _check_settings(settings: ScaleSettings) -> None:
    """Raises InvalidSettings."""
    for name in ("ray_actor_cpus", "ray_actor_gpus", "ray_block", "ray_batch"):
        value = getattr(settings, name)
        if not value > 0:
            raise InvalidSettings(f"The setting {name.upper()}={value} is wrong: give a number above 0.")


def _run(
    sources: Sequence[str], where: Place, request: Request, settings: ScaleSettings, actors: int, told: Told
) -> Sum:
    from lookhear.scale.known import survey
    from lookhear.scale.pipeline import Stages, Tally, written

    before = survey(where, again=True)
    gpus = _gpus(settings, request.models)
    actors = actors or _room(settings, gpus)
    least = 1 if os.environ.get("RAY_ADDRESS") else actors  # a cluster may grow; until then fewer do
    stages = Stages(
        least, actors, settings.ray_actor_cpus, gpus, min(settings.ray_batch, settings.ray_block), settings.ray_block
    )
    tally = Tally.remote()  # type: ignore[attr-defined]
    with _watching(tally, told):
        for _ in written(sources, _fitted(request, stages.cpus, actors), before.known, tally, str(where), stages):
            pass
    listed, known, *_ = _get(tally.now.remote())
    after = survey(where)
    refused = after.errors - before.errors
    return Sum(
        listed=listed,
        known=known,
        done=after.rows - before.rows - refused,
        refused=refused,
        rows=after.rows,
        errors=dict(sorted(after.codes.items())),
        actors=actors,
        gpus_per_actor=gpus,
    )


def _fitted(request: Request, cpus: float, actors: int) -> Request:
    """For one of several actors: as many threads as it has processors, and its share of the memory of this machine."""
    if request.models is None:
        return request
    here = 1 if os.environ.get("RAY_ADDRESS") else actors
    threads = request.models.model_threads or max(1, int(cpus))
    return replace(request, models=replace(request.models.shared_by(here), model_threads=threads))


def _gpus(settings: ScaleSettings, models: ModelSettings | None) -> float:
    """What an actor is given of them. Raises DeviceMissing where one is required."""
    import ray

    if models is not None and models.use_gpu and ray.cluster_resources().get("GPU", 0) > 0:
        return settings.ray_actor_gpus
    if models is not None and models.require_gpu:
        raise DeviceMissing("REQUIRE_GPU is set, but Ray finds no GPU. Add a machine with one, or unset it.")
    return 0.0


def _room(settings: ScaleSettings, gpus: float) -> int:
    """Actors that there is room for now."""
    import ray

    there = ray.cluster_resources()
    room = there.get("CPU", 1) / settings.ray_actor_cpus
    return max(1, int(min(room, there["GPU"] / gpus) if gpus else room))


@contextmanager
def _watching(tally: object, told: Told) -> Iterator[None]:
    """Tell how far it is, twice a second."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            told(*_get(tally.now.remote()))  # type: ignore[attr-defined]

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _get(coming: object) -> tuple[int, int, int, int]:
    import ray

    found: tuple[int, int, int, int] = ray.get(coming)
    return found


@contextmanager
def _cluster(settings: ScaleSettings, actors: int) -> Iterator[None]:
    """Ray on the cluster of RAY_ADDRESS, else a private one on this machine that ends with the run; it calls nobody."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if not os.environ.get("RAY_ADDRESS"):
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # of this run alone; else Ray keeps one at home
    import ray
    import ray.data

    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if ray.is_initialized():  # by whoever calls us
        yield
        return
    if os.environ.get("RAY_ADDRESS"):
        _reached(os.environ["RAY_ADDRESS"])
        with _ended():
            _start({})
            yield
        return
    folder = tempfile.mkdtemp(prefix="lookhear-ray-")
    cpus = max(processors(), math.ceil(actors * settings.ray_actor_cpus))
    try:
        with _ended():
            _start({"address": "local", "num_cpus": cpus, "object_store_memory": _STORE, "_temp_dir": folder})
            yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reached(address: str) -> None:
    """Someone is there: Ray would go on for minutes before it said that nobody is. Raises ServiceUnreachable."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # auto, local, and whatever else Ray knows
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ServiceUnreachable(
            f"No Ray answers there: check RAY_ADDRESS={address} ({getattr(error, 'strerror', None) or error})."
        ) from error


@contextmanager
def _ended() -> Iterator[None]:
    """No more of Ray after it."""
    import ray

    try:
        yield
    finally:
        ray.shutdown()


def _start(facts: dict[str, object]) -> None:
    """Raises ServiceUnreachable."""
    import ray

    if facts:
        facts["include_dashboard"] = False
    try:
        with _hushed():
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **facts)
    except Exception as error:
        where = os.environ.get("RAY_ADDRESS")
        advice = (
            f"there: check RAY_ADDRESS={where} and RAY_AUTH_TOKEN"
            if where
            else "here: is there room in /tmp and /dev/shm?"
        )
        raise ServiceUnreachable(
            f"Ray does not start or answer {advice} ({type(error).__name__}: {_first(error)})."
        ) from error


@contextmanager
def _told_apart() -> Iterator[None]:
    """What a stage raised, as it was; what Ray itself raised, in a sentence."""
    try:
        yield
    except LookhearError:
        raise
    except Exception as error:
        first: BaseException | None = error
        while first is not None and not isinstance(first, LookhearError):
            first = getattr(first, "cause", None) or first.__cause__
        if first is not None:
            raise first from error
        told = f"{type(error).__name__}: {_first(error)}"
        raise ServiceUnreachable(f"Ray gave up ({told}). What is written stays: run the same again.") from error


def _first(error: Exception) -> str:
    """The first line of what it says."""
    return (str(error).strip().splitlines() or ["no more is said"])[0][:200]


@contextmanager
def _hushed() -> Iterator[None]:
    """What Ray's own code writes past Python while it starts tells nobody anything; failures are raised."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
