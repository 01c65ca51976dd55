"""A service whose disk fills up: it says so, leaves nothing half, and goes on once there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from lookhear.jobs.job import Status
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from support.jobs import eventually
from support.processes import Program
from support.sound import encode, tone

SIZE = 48 << 20
SETTINGS = {"MEDIA_STORE_STUB": "true", "WORKER_RETRY_SECONDS": "0.2", "WORKER_MAX_RETRIES": "50", "RESULT_WAIT": "0.1"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 48 MB."""
    place = tmp_path / "data"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def server(disk: Path, tmp_path: Path) -> Iterator[Program]:
    (disk / "media").mkdir()
    for number in range(40):
        Image.new("RGB", (64, 48), (number, 0, 0)).save(disk / f"media/{number}.png")
    with Program(tmp_path, "serve", "--port", "0", **SETTINGS) as server:
        yield server


def fill(disk: Path) -> Path:
    """Takes what is left of it, to the last byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            pass
    return ballast


def uploads(disk: Path) -> list[Path]:
    return [path for path in (disk / "uploads").rglob("*") if path.is_file()]


def problem(answer: httpx.Response) -> str:
    """The sentence of a refusal for now."""
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    sentence: str = answer.json()["detail"]
    return sentence


def test_a_full_disk_is_told_and_survived(disk: Path, server: Program, tmp_path: Path) -> None:
    sound = encode(tone(1.0))
    with server.client() as client:
        before = client.post("/job/colors", json={"media_store_id": "0"}).json()["job_id"]
        eventually(lambda: client.get(f"/job/{before}").json()["status"] == "completed")
        ballast = fill(disk)
        kept = [upload for upload in uploads(disk)]
        assert "full" in problem(client.post("/tag/audio", files={"file": ("a.wav", sound)}))
        assert "full" in problem(client.post("/tag/audio", files={"file": ("a.wav", b"x" * (20 << 20))}))
        assert uploads(disk) == kept
        refused = [client.post("/job/colors", json={"media_store_id": str(n)}) for n in range(1, 40)]
        accepted = [answer.json()["job_id"] for answer in refused if answer.status_code == 201]
        sentences = [problem(answer) for answer in refused if answer.status_code != 201]
        assert sentences and all("full" in sentence for sentence in sentences)
        assert client.get(f"/job/{before}").json()["status"] == "completed"  # reading goes on
        assert client.get("/health").status_code == 200
        ballast.unlink()
        after = eventually(lambda: taken(client))
        tagged = client.post("/tag/audio", files={"file": ("a.wav", sound)})
        assert tagged.status_code == 200, tagged.text
        for id in (*accepted, after):
            eventually(lambda id=id: client.get(f"/job/{id}").json()["status"] == "completed", 30)  # type: ignore[misc]
        eventually(lambda: "genre" in client.get(f"/result/{tagged.json()['job_id']}").json(), 20)
        assert server.ended()[0] == 0
    with JobStore(JobSettings(storage_dir=disk)) as store:
        assert {job.status for job in store.listed(limit=500).jobs} == {Status.COMPLETED}
    assert not [path for path in disk.rglob("*") if path.name.endswith((".new", ".part"))]
    assert not list((disk / "uploads/parts").iterdir())


def taken(client: httpx.Client) -> str | None:
    answer = client.post("/job/technical", json={"media_store_id": "1"})
    return str(answer.json()["job_id"]) if answer.status_code == 201 else None


def test_a_disk_that_fills_up_during_an_upload_keeps_nothing_of_it(disk: Path, server: Program) -> None:
    """Others fill it between two looks at how much is free."""
    filled: list[Path] = []

    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + b"x" * (1 << 20)
        eventually(lambda: uploads(disk))
        filled.append(fill(disk))
        for _ in range(6):
            yield b"x" * (1 << 20)
        yield b"\r\n--b--\r\n"

    with server.client() as client:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        assert "full" in problem(client.post("/tag/audio", content=body(), headers=headers))
        assert uploads(disk) == []
        filled[0].unlink()
        assert client.post("/tag/audio", files={"file": ("a.wav", encode(tone(1.0)))}).status_code == 200
