"""Workers in processes, another server and the command line, all over the vectors of one storage folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from lookhear.models.own import Description, import_file
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Shelf
from support.clip import BLUE, GREEN, RED, plain, png, write_clip
from support.jobs import eventually

LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))
COLOURS = {"red": RED, "green": GREEN, "blue": BLUE}


class Site:
    """A storage folder with media and a small model, and what runs over it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        models = folder / "models"
        import_file(write_clip(folder / "small-clip"), Shelf(ModelSettings(model_cache_dir=models)), Description())
        self.variables = {
            **os.environ,
            "STORAGE_DIR": str(folder / "data"),
            "MODEL_CACHE_DIR": str(models),
            "AUTH_DISABLED": "true",
            "MAX_WORKERS": "2",
            "WORKER_MODE": "processes",
            "PORT": "0",
        }
        (folder / "data" / "media").mkdir(parents=True)
        for index, (name, colour) in enumerate(list(COLOURS.items()) * 3):
            pixels = plain(colour)
            pixels[0, :index] = 255
            (folder / "data" / "media" / f"{name}{index}.png").write_bytes(png(pixels))
        self.media = sorted(path.stem for path in (folder / "data" / "media").iterdir())

    def start(self, *arguments: str) -> tuple[subprocess.Popen[str], str]:
        """A command that runs on, and the line it says."""
        log = self._stack.enter_context((self.folder / "log").open("a"))
        process = subprocess.Popen(
            [LOOKHEAR, *arguments], stdout=subprocess.PIPE, stderr=log, text=True, env=self.variables, cwd=self.folder
        )
        self._stack.callback(_end, process)
        assert process.stdout is not None
        return process, process.stdout.readline()

    def serve(self, *arguments: str) -> httpx.Client:
        """A client of a server."""
        line = self.start("serve", *arguments)[1]
        address = line.split(" serves ")[1].split(" ")[0]
        return self._stack.enter_context(httpx.Client(base_url=address, timeout=60, trust_env=False))

    def search(self, words: str) -> Any:
        """By the command, which finds no server at port 0."""
        done = subprocess.run(
            [LOOKHEAR, "search", words, "--limit", "3", "--json"],
            capture_output=True,
            text=True,
            env=self.variables,
            cwd=self.folder,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=60)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with _site(tmp_path) as made:
        yield made


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(folder, stack)


def _embed(client: httpx.Client, media: list[str]) -> None:
    """Their vectors are kept."""
    jobs = [client.post("/job/image_embedding", json={"media_store_id": one}) for one in media]
    assert [job.status_code for job in jobs] == [201] * len(media)
    for job in jobs:
        place = f"/job/{job.json()['job_id']}"
        done = eventually(lambda place=place: _ended(client, place), 120)
        assert done["status"] == "completed" and done["result"]["stored_in_vector_db"] is True, done


def _ended(client: httpx.Client, place: str) -> dict[str, Any] | None:
    job: dict[str, Any] = client.get(place).json()
    return None if job["status"] in ("pending", "processing") else job


def _named(found: dict[str, Any]) -> list[str]:
    return [hit["payload"]["media_store_id"].rstrip("0123456789") for hit in found["hits"]]


def test_vectors_of_worker_processes_are_found_by_all(site: Site) -> None:
    client = site.serve()
    other = site.serve("--workers-off")
    worker, _ = site.start("worker", "--workers", "1")
    _embed(client, site.media)
    for colour in COLOURS:
        for one in (client, other):
            found = one.post("/search", json={"text": colour, "limit": 3}).json()
            assert _named(found) == [colour] * 3
        assert _named(site.search(colour)) == [colour] * 3
    like = client.post("/search", json={"media_store_id": site.media[0], "limit": 2}).json()
    assert _named(like) == ["blue", "blue"]
    worker.send_signal(signal.SIGKILL)
    for one in (client, other):
        assert len(one.post("/search", json={"vector": [1.0, *[0.0] * 7], "limit": 100}).json()["hits"]) == 9
    assert client.delete(f"/job/{client.get('/job').json()['jobs'][0]['job_id']}").status_code == 204
    assert len(other.post("/search", json={"vector": [1.0, *[0.0] * 7], "limit": 100}).json()["hits"]) == 8
    log = (site.folder / "log").read_text()
    assert "vectors" not in log and "Traceback" not in log, log
