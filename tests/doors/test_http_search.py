"""Search over HTTP and from the command line, with a small model that knows red, green and blue."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from lookhear.contracts.points import face_point_id
from lookhear.outlets.collections import FACES, IMAGES
from lookhear.outlets.vectors import Made, Point
from lookhear.serve.http.app import create_app
from lookhear.serve.http.keys import make_pair, read_private, sign
from lookhear.settings import Settings
from support.asking import ended
from support.clip import BLUE, GREEN, RED, WIDTH, plain, png, small_store
from support.service import served
from support.working import WorkingService

MEDIA = {"1": RED, "2": GREEN, "3": BLUE, "4": (200, 60, 0)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the small model."""
    return small_store(tmp_path_factory.mktemp("models"))


@pytest.fixture
def service(tmp_path: Path, models: Path) -> WorkingService:
    return WorkingService(Settings(storage_dir=tmp_path / "data", auth_disabled=True, model_cache_dir=models))


def fill(service: WorkingService, folder: Path) -> Made:
    """The vectors of four pictures, as jobs keep them."""
    points, made = [], None
    for id, colour in MEDIA.items():
        path = folder / f"{id}.png"
        path.write_bytes(png(plain(colour)))
        (finding,) = service.analyze(path, ["embedding"]).findings
        used = finding.provenance.models[0]
        made = Made(used.name, used.version, used.sha256 or "")
        warm = "warm" if colour[0] > 100 else "cold"
        payload = {"job_id": f"job-{id}", "media_store_id": int(id), "task_type": "image_embedding", "kind": warm}
        points.append(Point(int(id), finding.value.vector, payload))
    assert made is not None
    service.vectors.make(IMAGES, WIDTH, made)
    service.vectors.put(IMAGES, points)
    return made


def ids(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    content = answer.json()
    assert set(content) == {"collection", "model", "hits"}
    scores = [hit["score"] for hit in content["hits"]]
    assert scores == sorted(scores, reverse=True)
    return [hit["id"] for hit in content["hits"]]


def test_images_are_found_by_words(client: httpx.Client, service: WorkingService, tmp_path: Path) -> None:
    made = fill(service, tmp_path)
    for word, first in (("red", 1), ("green", 2), ("blue", 3)):
        assert ids(client.get("/search", params={"q": f"a photo of {word}"}))[0] == first
        assert ids(client.post("/search", json={"text": word}))[0] == first
    content = client.get("/search", params={"q": "red", "limit": 2}).json()
    assert content["collection"] == IMAGES
    assert content["model"] == {"name": made.model, "version": made.version}
    assert [hit["id"] for hit in content["hits"]] == [1, 4]
    first, second = service.vectors.get(IMAGES, [1, 4])
    told = [hit["score"] for hit in content["hits"]]
    assert told == pytest.approx([first.vector[0], second.vector[0]], abs=1e-3)  # 'red' is the first axis
    assert content["hits"][0]["payload"]["media_store_id"] == 1


def test_filters_thresholds_and_limits_hold(client: httpx.Client, service: WorkingService, tmp_path: Path) -> None:
    fill(service, tmp_path)
    assert ids(client.post("/search", json={"text": "green", "filters": {"kind": "warm"}, "limit": 9})) == [4, 1]
    assert set(ids(client.post("/search", json={"text": "red", "filters": {"media_store_id": [2, 3]}}))) == {2, 3}
    scores = [hit["score"] for hit in client.post("/search", json={"text": "red"}).json()["hits"]]
    between = (scores[1] + scores[2]) / 2
    assert ids(client.post("/search", json={"text": "red", "threshold": between})) == [1, 4]
    assert ids(client.get("/search", params={"q": "red", "threshold": between, "limit": 1})) == [1]


def test_images_are_found_by_upload_vector_and_medium(
    client: httpx.Client, service: WorkingService, tmp_path: Path
) -> None:
    fill(service, tmp_path)
    files = {"file": ("x", png(plain((0, 0, 180))))}
    assert ids(client.post("/search", files=files, data={"limit": "1"})) == [3]
    filters = json.dumps({"kind": "warm"})
    assert set(ids(client.post("/search", files=files, data={"filters": filters, "threshold": ""}))) == {1, 4}
    vector = np.eye(WIDTH)[1].tolist()
    assert ids(client.post("/search", json={"vector": vector, "limit": 1})) == [2]
    for id in (1, "1"):
        assert ids(client.post("/search", json={"media_store_id": id, "limit": 1})) == [4]  # not itself


def test_faces_are_found_by_one_that_is_kept(client: httpx.Client, service: WorkingService) -> None:
    service.vectors.make(FACES, 4, Made("somebody", "1", "ab"))
    faces = {("7", 0): [1, 0, 0, 0], ("7", 1): [0, 1, 0, 0], ("a-photo", 0): [0.9, 0.1, 0, 0]}
    points = [
        Point(face_point_id(id, place), vector, {"media_store_id": id, "face_index": place})
        for (id, place), vector in faces.items()
    ]
    service.vectors.put(FACES, points)
    found = client.post("/search", json={"among": "faces", "media_store_id": 7, "limit": 1})
    assert ids(found) == [face_point_id("a-photo", 0)]
    second = client.post("/search", json={"among": "faces", "media_store_id": "7", "face_index": 1, "limit": 1})
    assert ids(second) == [face_point_id("a-photo", 0)]
    assert second.json()["hits"][0]["score"] == pytest.approx(0.1 / np.hypot(0.9, 0.1), abs=1e-3)
    assert client.post("/search", json={"among": "faces", "media_store_id": 8}).status_code == 404
    words = client.post("/search", json={"among": "faces", "text": "a smile"})
    assert (words.status_code, words.json()["code"]) == (422, "invalid_options")


def test_where_nothing_is_kept_nothing_is_found(client: httpx.Client) -> None:
    empty = {"collection": IMAGES, "model": None, "hits": []}
    assert client.get("/search", params={"q": "red"}).json() == empty
    assert client.post("/search", json={"vector": [1.0]}).json() == empty
    assert client.post("/search", files={"file": png(plain(RED))}).json() == empty
    assert client.post("/search", json={"media_store_id": "1"}).status_code == 404


def test_vectors_of_another_model_are_not_compared(
    client: httpx.Client, service: WorkingService, tmp_path: Path
) -> None:
    service.vectors.make(IMAGES, WIDTH, Made("another-clip", "3", "cd"))
    answer = client.get("/search", params={"q": "red"})
    assert answer.json()["code"] == "model_mismatch" and answer.status_code >= 400
    assert "another-clip" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "red", "vector": [1.0]},
        {"text": ""},
        {"text": "red", "limit": 0},
        {"text": "red", "limit": 1001},
        {"text": "red", "among": "sounds"},
        {"text": "red", "threshold": 2},
        {"text": "red", "filters": {"a": {"b": 1}}},
        {"text": "red", "filters": "a"},
        {"media_store_id": 1, "face_index": -1},
        {"vector": ["a"]},
        [],
    ],
)
def test_bad_bodies_are_422(client: httpx.Client, body: Any) -> None:
    answer = client.post("/search", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


def test_bad_forms_and_vectors_are_422(client: httpx.Client, service: WorkingService, tmp_path: Path) -> None:
    fill(service, tmp_path)
    file = {"file": png(plain(RED))}
    for fields in ({"limit": "many"}, {"filters": "{"}, {"among": "sounds"}):
        assert client.post("/search", files=file, data=fields).status_code == 422
    deep = "[" * 60_000
    assert client.post("/search", files=file, data={"filters": deep}).status_code == 422
    for content in ("{", deep, '{"text": "red", "filters": ' + '{"a": ' * 900 + "1" + "}" * 901):
        assert client.post("/search", content=content).status_code == 422
    assert client.post("/search", json={"vector": [1.0, 0.0]}).json()["code"] == "invalid_vector"
    assert client.get("/search").status_code == 422
    assert client.post("/search", files={"file": b"no picture"}).status_code == 415


def test_what_jobs_of_analyze_were_asked_to_embed_is_found(client: httpx.Client, service: WorkingService) -> None:
    ids, asked = [], {"tasks": "embedding,colors"}
    for name, colour in (("red.png", RED), ("blue.png", BLUE)):
        picture = {"file": (name, png(plain(colour)))}
        job = client.post("/analyze", params={"wait": False}, files=picture, data=asked).json()
        done = ended(client, job["job_id"])
        assert done["result"]["vectors"] == {"stored": 1}, done
        ids.append(job["job_id"])
    first = client.get("/search", params={"q": "red"}).json()["hits"][0]
    payload = first["payload"]
    assert (payload["name"], payload["job_id"]) == ("red.png", ids[0])
    assert payload["media_store_id"] == payload["sha256"] == hashlib.sha256(png(plain(RED))).hexdigest()
    near = client.post("/search", json={"media_store_id": payload["media_store_id"]}).json()["hits"]
    assert [hit["payload"]["name"] for hit in near] == ["blue.png"]
    client.delete(f"/job/{ids[0]}").raise_for_status()
    left = client.get("/search", params={"q": "red"}).json()["hits"]
    assert [hit["payload"]["name"] for hit in left] == ["blue.png"]


def test_an_analysis_whose_vectors_do_not_fit_those_that_are_kept_says_so(
    client: httpx.Client, service: WorkingService
) -> None:
    service.vectors.make(IMAGES, WIDTH, Made("another-clip", "3", "cd"))
    picture = {"file": ("red.png", png(plain(RED)))}
    job = client.post("/analyze", params={"wait": False}, files=picture, data={"tasks": "embedding"}).json()
    done = ended(client, job["job_id"])
    assert done["status"] == "completed" and "another-clip" in done["result"]["vectors"]["reason"]


def lookhear(*arguments: str, folder: Path, models: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, with the storage in ``folder``."""
    own = {"STORAGE_DIR": str(folder / "data"), "MODEL_CACHE_DIR": str(models), "PORT": "1", **environment}
    command = [sys.executable, "-c", "from lookhear.cli.main import run; run()", *arguments]
    path = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(command, env={**path, **own}, cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_command_asks_a_service_that_runs(
    client: httpx.Client, service: WorkingService, tmp_path: Path, models: Path
) -> None:
    fill(service, tmp_path)
    url = str(client.base_url)
    named = lookhear("search", "red", "--json", folder=tmp_path, models=models, LOOKHEAR_URL=url)
    assert [hit["id"] for hit in json.loads(named.stdout)["hits"]][:2] == [1, 4]
    found = lookhear("search", "green", folder=tmp_path, models=models, PORT=str(client.base_url.port))
    assert found.returncode == 0 and url.rstrip("/") in found.stdout, found
    assert "job-2" in found.stdout
    like = lookhear(
        "search", "--like", str(tmp_path / "3.png"), "-n", "1", "--json", "--url", url, folder=tmp_path, models=models
    )
    assert [hit["id"] for hit in json.loads(like.stdout)["hits"]] == [3]


def test_the_command_opens_the_vectors_where_none_runs(service: WorkingService, tmp_path: Path, models: Path) -> None:
    with served(create_app(service)) as client:
        client.get("/").raise_for_status()
        fill(service, tmp_path)
    found = lookhear("search", "blue", folder=tmp_path, models=models)
    assert found.returncode == 0 and "the storage folder" in found.stdout, found
    like = lookhear("search", "--like", str(tmp_path / "2.png"), "--json", folder=tmp_path, models=models)
    assert json.loads(like.stdout)["hits"][0]["id"] == 2


def test_the_command_says_what_is_wrong(tmp_path: Path, models: Path) -> None:
    (tmp_path / "data").mkdir()
    cases: list[tuple[list[str], int, str]] = [
        (["search"], 2, "Say what to look for"),
        (["search", "red", "--like", "x.png"], 2, "Say what to look for"),
        (["search", "--like", "none.png"], 3, "no file none.png"),
        (["search", "red", "--url", "http://127.0.0.1:1"], 4, "lookhear serve"),
    ]
    for arguments, code, words in cases:
        found = lookhear(*arguments, folder=tmp_path, models=models)
        assert found.returncode == code and words in found.stderr, found
        assert "Traceback" not in found.stderr
    nothing = lookhear("search", "red", folder=tmp_path, models=models)
    assert nothing.returncode == 0 and "Nothing is kept" in nothing.stdout, nothing


def test_the_command_sends_its_token(tmp_path: Path, models: Path) -> None:
    private, public = make_pair(tmp_path / "keys")
    settings = Settings(storage_dir=tmp_path / "data", public_key_path=public, auth_scope="all", model_cache_dir=models)
    token = sign(read_private(private), "someone", [], False, 1)
    with served(create_app(WorkingService(settings))) as client:
        for where in ({"LOOKHEAR_URL": str(client.base_url)}, {"PORT": str(client.base_url.port)}):
            refused = lookhear("search", "red", folder=tmp_path, models=models, **where)
            assert refused.returncode == 3 and "LOOKHEAR_TOKEN" in refused.stderr, refused
            let_in = lookhear("search", "red", folder=tmp_path, models=models, LOOKHEAR_TOKEN=token, **where)
            assert let_in.returncode == 0, let_in
