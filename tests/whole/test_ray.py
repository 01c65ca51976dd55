"""A batch on Ray: real clusters, real processes, real kills."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from examples.film import write_film
from examples.picture import write_poster
from examples.tune import compose, write
from support.files import jpeg
from support.ports import free_port
from support.s3 import Stores, serving

pytest.importorskip("ray", reason="Ray is not installed: pip install 'lookhear[ray]'")

pytestmark = pytest.mark.ray
LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))
_PATIENCE = 240.0  # s
_CLUSTER = """
import os, sys
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray
made = ray.init("local", num_cpus=2, object_store_memory=1 << 28, include_dashboard=False, log_to_driver=False,
                _temp_dir=sys.argv[1])
print(made.address_info["gcs_address"], flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    with serving(tmp_path_factory.mktemp("s3") / "log") as stores:
        yield stores


@pytest.fixture(scope="module")
def cluster(stores: Stores) -> Iterator[dict[str, str]]:
    """One for all tests, which knows the store; the variables by which programs find it."""
    with tempfile.TemporaryDirectory(prefix="lh-ray-", ignore_cleanup_errors=True) as folder:  # short: it makes sockets
        variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        command = [sys.executable, "-c", _CLUSTER, folder]
        keeper = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **variables},
        )
        assert keeper.stdin is not None and keeper.stdout is not None
        try:
            address = keeper.stdout.readline().strip()
            assert address, "Ray did not start"
            yield {"RAY_ADDRESS": address, **variables}
        finally:
            keeper.communicate("", timeout=60)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three kinds, and what is none."""
    folder = tmp_path_factory.mktemp("media")
    write(compose(4), folder / "tune.flac", "flac", "s16")
    write_poster(folder / "poster.png", 0.3)
    write_film(folder / "film.mp4", compose(4))
    for number in range(12):
        (folder / f"small{number}.jpg").write_bytes(jpeg())
    (folder / "text.mp3").write_text("no music at all\n" * 200)
    (folder / "empty.wav").write_bytes(b"")
    return folder


def lookhear(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [LOOKHEAR, "analyze", *arguments], capture_output=True, text=True, timeout=_PATIENCE, env=environment
    )


def ray(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return lookhear(*arguments, "--engine", "ray", **variables)


def rows(out: str | Path) -> list[dict[str, Any]]:
    return [row for path in sorted(Path(out).glob("part-*.parquet")) for row in parquet.read_table(path).to_pylist()]


def untimed(line: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(line)
    data.pop("timings", None)
    return data


def test_a_cluster_where_nobody_is_is_told_at_once(media: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    gone = ray(str(media), "--out", str(tmp_path / "out"), RAY_ADDRESS=f"127.0.0.1:{free_port()}")
    assert gone.returncode == 4 and "check RAY_ADDRESS=127.0.0.1:" in gone.stderr, gone
    assert time.monotonic() - began < 60, "Ray itself tries for minutes"


def test_rows_are_what_the_plain_run_says_and_counts_add_up(
    cluster: dict[str, str], media: Path, tmp_path: Path
) -> None:
    out, plain = tmp_path / "rows", tmp_path / "plain.jsonl"
    done = ray(str(media), "--out", str(out), "--block", "5", **cluster)
    assert done.returncode == 3, done.stderr
    assert "17 files = 15 analysed + 2 refused; 17 rows" in done.stderr
    assert "errors among the rows: empty_medium 1, not_a_medium 1" in done.stderr
    assert "Traceback" not in done.stderr and "WARNING" not in done.stderr
    lookhear(str(media), "--out", str(plain))
    lines = {
        untimed(line).get("medium", untimed(line))["name"]: untimed(line) for line in plain.read_text().splitlines()
    }
    found = {row["path"]: row for row in rows(out)}
    assert {path: untimed(row["report"]) for path, row in found.items()} == lines
    assert 4 <= len(list(out.glob("part-*.parquet"))) <= 7

    tune = found[str(media / "tune.flac")]
    assert (
        dict(tune["numbers"])["mir.tempo"] == pytest.approx(112, abs=1)
        and dict(tune["texts"])["technical.codec"] == "flac"
    )
    assert (tune["kind"], tune["error"], tune["complete"]) == ("audio", None, True)
    assert found[str(media / "empty.wav")]["error_code"] == "empty_medium"
    told = json.loads((out / "_summary.json").read_text())
    assert (told["listed"], told["known"], told["done"], told["refused"], told["rows"]) == (17, 0, 15, 2, 17)
    assert told["errors"] == {"empty_medium": 1, "not_a_medium": 1}


def test_a_second_run_does_what_is_new_and_what_could_not_be_read(cluster: dict[str, str], tmp_path: Path) -> None:
    media, out = tmp_path / "media", tmp_path / "rows"
    media.mkdir()
    for number in range(6):
        (media / f"{number}.jpg").write_bytes(jpeg())
    late = tmp_path / "late.jpg"
    asked = [str(media), str(late), "--tasks", "technical", "--out", str(out)]
    assert "7 files = 6 analysed + 1 refused" in ray(*asked, **cluster).stderr
    late.write_bytes(jpeg())
    done = ray(*asked, **cluster)
    assert done.returncode == 0 and "7 files = 1 analysed + 0 refused + 6 known from before; 7 rows" in done.stderr
    assert sorted(Path(row["path"]).name for row in rows(out)) == [
        "0.jpg",
        "1.jpg",
        "2.jpg",
        "3.jpg",
        "4.jpg",
        "5.jpg",
        "late.jpg",
    ]
    other = ray(str(media), "--tasks", "colors", "--out", str(out), **cluster)
    assert other.returncode == 3 and "other tasks" in other.stderr


@pytest.mark.alone  # starts a Ray of its own, which gives up on a busy machine
def test_a_run_that_was_killed_is_gone_on_with(tmp_path: Path) -> None:
    media, out = tmp_path / "media", tmp_path / "rows"
    media.mkdir()
    write_poster(media / "0.png", 0.5)
    for number in range(1, 40):
        (media / f"{number}.png").write_bytes((media / "0.png").read_bytes())
    asked = [str(media), "--out", str(out), "--block", "4", "--engine", "ray"]
    variables = {**os.environ, "RAY_BATCH": "2"}
    run = subprocess.Popen(
        [LOOKHEAR, "analyze", *asked], env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + _PATIENCE
    while len(list(out.glob("part-*.parquet"))) < 3:
        assert run.poll() is None and time.monotonic() < until
        os.sched_yield()
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    before = len(rows(out))
    assert 12 <= before < 40
    done = lookhear(*asked, **variables)
    assert done.returncode == 0, done.stderr
    found = [row["path"] for row in rows(out)]
    assert len(found) == len(set(found)) == 40
    told = json.loads((out / "_summary.json").read_text())
    assert told["known"] >= before and told["known"] + told["done"] == told["listed"] == 40


@pytest.mark.alone  # starts a Ray of its own, which gives up on a busy machine
def test_from_a_store_to_a_store(cluster: dict[str, str], stores: Stores, media: Path, tmp_path: Path) -> None:
    stores.put_folder(media, "s3://media-in/some")
    stores.put("s3://rows/readme", b"")
    asked = ["s3://media-in/some/", "s3://no-such-bucket/x/", "--out", "s3://rows/of/media"]
    told = ray(*asked, **cluster)
    assert "18 files = 15 analysed + 3 refused; 18 rows in s3://rows/of/media" in told.stderr, told.stderr
    again = ray(*asked, **cluster)
    assert "18 files = 0 analysed + 1 refused + 17 known from before; 18 rows" in again.stderr, again.stderr
    for name in stores.names("s3://rows"):
        (tmp_path / Path(name).name).write_bytes(stores.get("rows", name))
    found = {row["path"]: row for row in rows(tmp_path)}
    assert len(found) == 18
    film = found["s3://media-in/some/film.mp4"]
    assert film["kind"] == "video" and film["version"]
    assert "no bucket" in found["s3://no-such-bucket/x/"]["error"]


def test_a_file_that_takes_too_long_is_a_row_with_an_error(
    cluster: dict[str, str], media: Path, tmp_path: Path
) -> None:
    done = ray(str(media / "film.mp4"), "--timeout", "0.001", "--out", str(tmp_path / "rows"), **cluster)
    assert done.returncode == 3, done.stderr
    assert [row["error_code"] for row in rows(tmp_path / "rows")] == ["timed_out"]


def test_real_recordings_and_pictures(cluster: dict[str, str], shared: Path, tmp_path: Path) -> None:
    sources = [str(shared / "malformed"), str(shared / "faces" / "crowd")]
    done = ray(*sources, "--tasks", "technical", "--out", str(tmp_path / "rows"), **cluster)
    assert done.returncode in (0, 3), done.stderr
    lookhear(*sources, "--tasks", "technical", "--out", str(tmp_path / "plain.jsonl"))
    lines = [untimed(line) for line in (tmp_path / "plain.jsonl").read_text().splitlines()]
    plain = {line.get("medium", line)["name"]: line for line in lines}
    assert {row["path"]: untimed(row["report"]) for row in rows(tmp_path / "rows")} == plain


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--engine", "ray"], "name a folder"),
        (["--block", "3"], "goes with --engine ray"),
        (["--engine", "ray", "--out", "x", "--tasks", "none"], "none"),
    ],
)
def test_what_cannot_be_is_said_at_once(media: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = lookhear(str(media), *arguments)
    assert done.returncode != 0 and said in done.stderr


def test_a_setting_that_cannot_be(media: Path) -> None:
    done = ray(str(media), "--out", "x", RAY_BATCH="0")
    assert done.returncode == 2 and "RAY_BATCH=0" in done.stderr


def test_without_ray_one_sentence_says_what_to_install(media: Path) -> None:
    code = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'ray' else find(name, *more)\n"
        f"import sys; sys.argv = ['lookhear', 'analyze', {str(media)!r}, '--engine', 'ray', '--out', 'x']\n"
        "from lookhear.cli.main import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "pip install 'lookhear[ray]'" in done.stderr and "Traceback" not in done.stderr
