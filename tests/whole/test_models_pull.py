"""Models that come, go and are loaded while processes are killed, and side by side. Real processes, a real server."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookhear.models.store import Store
from support.web import Web, web
from support.weights import times

LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))
DATA = times(2.0, note="x" * (3 << 20))
CARD = """
families:
  gnat: {role: tinies, runtime: onnx, inputs: {x: [b, 4]}, outputs: {y: [b, 4]}}
models:
  - {name: gnat, version: "1", family: gnat, licence: MIT,
     files: {tiny.onnx: {sha256: SUM, size: SIZE, sources: [{https: "URL"}]}}}
"""


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as found:
        yield found


@pytest.fixture
def environment(site: Web, tmp_path: Path) -> dict[str, str]:
    """The server stops in the middle of the file until it is released."""
    text = CARD.replace("URL", site.put("/tiny.onnx", DATA, holds=1 << 20)).replace("SIZE", str(len(DATA)))
    (tmp_path / "own.yml").write_text(text.replace("SUM", hashlib.sha256(DATA).hexdigest()))
    own = {"MODEL_CACHE_DIR": str(tmp_path / "store"), "MODEL_CATALOGUE": str(tmp_path / "own.yml")}
    return {**os.environ, **own}


def pull(environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [LOOKHEAR, "models", "pull", "gnat"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_a_pull_that_was_killed_is_taken_up_where_it_broke_off(
    site: Web, environment: dict[str, str], tmp_path: Path
) -> None:
    store, part = Store(tmp_path / "store"), tmp_path / "store/staging/gnat@1/tiny.onnx.part"
    with pull(environment) as puller:
        while not (part.exists() and part.stat().st_size):
            assert puller.poll() is None
        puller.send_signal(signal.SIGKILL)
        puller.communicate(timeout=30)
    assert store.all() == {} and store.active("gnat") is None and not (store.folder / "state.json").exists()
    kept = part.stat().st_size
    site.release.set()
    with pull(environment) as puller:
        _, errors = puller.communicate(timeout=60)
    assert puller.returncode == 0, errors
    last = site.asked[-1]
    assert (last.status, last.sent, last.headers["range"]) == (206, len(DATA) - kept, f"bytes={kept}-")
    one = store.fresh()["gnat@1"]
    assert one.file().read_bytes() == DATA and store.active("gnat") == one
    assert list((store.folder / "staging").iterdir()) == []


def test_two_processes_at_once_fetch_once(site: Web, environment: dict[str, str], tmp_path: Path) -> None:
    with pull(environment) as first:
        while not site.asked:
            assert first.poll() is None
        with pull(environment) as second:
            assert second.stderr is not None
            lines = iter(second.stderr.readline, "")
            assert any("Another process is fetching gnat@1; waiting for it." in line for line in lines)
            site.release.set()
            rest = second.stderr.read()
            assert second.wait(60) == 0, rest
        _, errors = first.communicate(timeout=60)
    assert first.returncode == 0 and "gnat@1 is active" in errors and "gnat@1 is active" in rest
    assert len(site.asked) == 1 and site.sent == len(DATA)
    assert list(Store(tmp_path / "store").all()) == ["gnat@1"]


KILLED_ANYWHERE = """
import dataclasses, json, os, shutil, signal, sys
from pathlib import Path
import onnxruntime, xxhash, lookhear.models.runtimes.onnx
from lookhear.models.inspect import check_sums
from lookhear.models.install import pull
from lookhear.models.store import Store
from support.weights import card, times
from lookhear.models.card import Source

folder, EVENTS = Path(sys.argv[1]), {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "os.utime"}
(folder / "a.onnx").write_bytes(times(2.0)); (folder / "b.onnx").write_bytes(times(3.0))
one, two = (card(Source(file=str(folder / f"{name}.onnx")), version=version) for name, version in (("a", "1"), ("b", "2")))
other = dataclasses.replace(one, files=two.files)
ACTS = {
    "pull": lambda store: pull(two, store),
    "force": lambda store: pull(other, store, force=True),
    "remove": lambda store: store.remove("tiny", "1"),
    "rollback": lambda store: store.rollback("tiny"),
}

def child(act):
    pid = os.fork()
    if pid == 0:
        try:
            act()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def killed(act, place, count):
    left = [count]
    def hook(event, arguments):
        if event in EVENTS and not (event == "open" and not str(arguments[0]).startswith(str(place))):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    act(Store(place))

before = folder / "before"
for version in "01":
    assert child(lambda: pull(dataclasses.replace(one, version=version), Store(before))) == 0
(before / "models.lock.json").unlink()
counts = {}
for name, act in ACTS.items():
    for count in range(1000):
        place = folder / f"{name}-{count}"
        shutil.copytree(before, place)
        code = child(lambda: killed(act, place, count))
        store = Store(place)
        active = store.active("tiny")
        assert active is not None, (name, count)
        for each in store.all().values():
            check_sums(each)
            assert each.folder == store.place(each.card)
        allowed = {"pull": {"1", "2"}, "force": {"1"}, "remove": {"1", "0"}, "rollback": {"1", "0"}}[name]
        assert active.card.version in allowed, (name, count, active.card.id)
        if name in ("pull", "force"):
            assert child(lambda: act(Store(place))) == 0, (name, count)
            done = Store(place).active("tiny")
            assert done.file().read_bytes() == times(3.0), (name, count)
            assert not list((place / "staging").iterdir()), (name, count)
        if name == "remove" and "tiny@1" in store.all():
            assert child(lambda: act(Store(place))) == 0, (name, count)
        if name == "remove":
            assert set(Store(place).all()) == {"tiny@0"}, (name, count)
        shutil.rmtree(place)
        if code == 0:
            break
        assert code == -signal.SIGKILL, (name, count, code)
    counts[name] = count
print(json.dumps(counts))
"""


def test_killed_before_any_step_the_store_holds_the_old_or_the_new(tmp_path: Path) -> None:
    """Every opening, renaming and deleting of a file is the last thing a process does, once."""
    paths = [path for path in sys.path if path] + [str(Path(__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", KILLED_ANYWHERE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["pull"] > 10 and counts["force"] > 10 and counts["remove"] > 5 and counts["rollback"] > 3, counts


MEMORY = """
import json, sys
from pathlib import Path
import numpy as np
from onnx import TensorProto, helper
from lookhear.models.card import Card, ModelFile
from lookhear.models.devices import give_back_memory
from lookhear.models.sessions import Sessions
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Model
from lookhear.models.store import Installed

def resident():
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmRSS"))

folder, side, count = Path(sys.argv[1]), 2048, 19  # 16 MiB each
random = np.random.default_rng(0)
nodes, weights = [], []
for i in range(count):
    nodes.append(helper.make_node("MatMul", [f"v{i}", f"w{i}"], [f"v{i + 1}"]))
    raw = random.random((side, side), np.float32).tobytes()
    weights.append(helper.make_tensor(f"w{i}", TensorProto.FLOAT, [side, side], raw, raw=True))
kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", side]) for name in ("v0", f"v{count}")]
graph = helper.make_graph(nodes, "large", kinds[:1], kinds[1:], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
(folder / "large.onnx").write_bytes(model.SerializeToString())
del model, graph, weights, raw
give_back_memory()
one = Installed(Card("large", "1", "larges", "large", "onnx", (ModelFile("large.onnx"),), "MIT"), folder)
pool = Sessions(ModelSettings(model_threads=1))
small = np.full((1, side), 1e-30, np.float32)
figures = []
for _ in range(2):
    pool.unload()
    figures.append(resident())
    Model(one, pool).run({"v0": small})
    figures.append(resident())
pool.close()
figures.append(resident())
print(json.dumps(figures))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads what Linux tells of a process")
def test_memory_comes_back_when_a_model_is_let_go(tmp_path: Path) -> None:
    """304 MiB of weights take little more than that, twice; and no more than a tenth of it stays."""
    command = [sys.executable, "-c", MEMORY, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    before, loaded, after, again, last = json.loads(done.stdout)
    assert 290 < loaded - before < 400 and 290 < again - after < 400, done.stdout
    assert after - before < 40 and abs(last - after) < 15, done.stdout
