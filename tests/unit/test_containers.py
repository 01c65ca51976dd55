"""What runs in containers: held to the code, to the locks, and to each other."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from lookhear.serve.http.metrics import Metrics
from lookhear.serve.http.running import HEALTH
from lookhear.settings import Settings

ROOT = Path(__file__).parents[2]
SETTINGS = {field.name.upper(): field.default for field in dataclasses.fields(Settings)}
COMPOSE = ["COMPOSE_PROFILES", "PUBLISH", "MEDIA", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD", "REDIS_PASSWORD"]
OURS = ("server", "workers")


def dockerfile() -> list[tuple[str, str]]:
    """Instructions with what follows them, lines joined."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (re.sub(r"\s+", " ", line).partition(" ") for line in lines)]


def lock(name: str) -> dict[str, str]:
    lines = (ROOT / f"requirements{name}.lock").read_text().splitlines()
    return dict(line.partition(" ;")[0].split("==") for line in lines if not line.startswith("#"))


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


def manifests() -> list[dict[str, Any]]:
    paths = sorted((ROOT / "deploy" / "k8s").glob("*.yaml"))
    return [one for path in paths for one in yaml.safe_load_all(path.read_text())]


def example() -> dict[str, str]:
    lines = (ROOT / "deploy" / "example.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sources = [
        one for word, rest in dockerfile() if word == "COPY" and "--from=" not in rest for one in rest.split()[:-1]
    ]
    assert set(sources) == {line[1:] for line in ignored if line.startswith("!")}
    for one in sources:
        assert (ROOT / one).exists()
    assert ignored[0] == "*"


def test_every_stage_is_made_of_one_before_it_and_images_are_pinned() -> None:
    stages: list[str] = []
    for word, rest in dockerfile():
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            assert base in stages or base == "${PYTHON_IMAGE}"
            stages.append(name)
        elif word == "COPY" and "--from=" in rest:
            assert rest.split()[0].removeprefix("--from=") in stages
    assert stages[-1] == "cpu" and "cuda" in stages
    images = [dockerfile()[0][1].removeprefix("PYTHON_IMAGE=")]
    images += [one["image"] for name, one in compose()["services"].items() if name not in OURS]
    for image in images:
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.?\d*(-[a-z-]+)?", image), image


def test_the_image_names_settings_and_runs_as_nobody_in_particular() -> None:
    _check_environment(
        dict(pair.split("=", 1) for word, rest in dockerfile() if word == "ENV" for pair in rest.split())
    )
    found = dict(dockerfile())
    assert found["USER"].split(":")[0].isdigit() and json.loads(found["CMD"]) == ["lookhear", "serve"]
    command = json.loads(found["HEALTHCHECK"].partition("CMD ")[2])
    assert "/health/ready" in command[-1]
    compile(command[-1], "HEALTHCHECK", "exec")


def _check_environment(names: dict[str, Any]) -> None:
    others = {"PATH", "HOME", "LD_LIBRARY_PATH"}
    for name in names:
        known = name in SETTINGS or name in others
        assert known or re.match("PIP_|PYTHON|NVIDIA_", name), f"{name} is no setting"


def test_the_service_s_lock_holds_the_base_s_and_every_extra_of_its_head() -> None:
    service, head = lock("-service"), (ROOT / "requirements-service.lock").read_text().splitlines()[0]
    assert lock("").items() <= service.items()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.search(r"\[(.*)\]", head)
    assert named is not None
    for extra in named[1].split(","):
        for wanted in extras[extra]:
            assert re.split(r"[\[<>=]", wanted)[0] in service, extra
    developers = lock("-dev")
    assert {name: version for name, version in service.items() if name in developers}.items() <= developers.items()


def test_cuda_takes_the_place_of_one_package_alone() -> None:
    cuda, service = lock("-cuda"), lock("-service")
    assert cuda["onnxruntime-gpu"] == service["onnxruntime"]
    assert not cuda.keys() & service.keys()
    assert any("/^onnxruntime==/d" in rest for _, rest in dockerfile())


def test_without_a_profile_the_server_runs_alone() -> None:
    services = compose()["services"]
    assert [name for name, one in services.items() if "profiles" not in one] == ["server"]
    assert all(one["profiles"] == [name, "all"] for name, one in services.items() if name != "server")
    assert services["server"]["ports"][0].startswith("${PUBLISH:-127.0.0.1:")
    assert [name for name, one in services.items() if "ports" in one] == ["server"]


def test_what_others_wait_for_says_when_it_is_there_and_may_be_absent() -> None:
    services = compose()["services"]
    for name in OURS:
        for other, how in services[name]["depends_on"].items():
            assert how == {"condition": "service_healthy", "required": False} and "healthcheck" in services[other]
        assert services[name]["cap_drop"] == ["ALL"] and services[name]["read_only"]
    assert set(services) == {*OURS, *services["server"]["depends_on"]}


def test_volumes_and_files_of_compose_exist() -> None:
    found = compose()
    for one in found["services"].values():
        for volume in one.get("volumes", []):
            source = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).split(":")[0]
            made_by_users = source in ("./media", "./deploy/keys")
            assert source in found["volumes"] or made_by_users or (ROOT / source).is_file(), source
    assert set(compose("deploy/compose.cuda.yaml")["services"]) == set(OURS)


def test_containers_are_given_settings_and_time_to_stop() -> None:
    for name in OURS:
        one = compose()["services"][name]
        _check_environment(one["environment"])
        assert int(one["stop_grace_period"].removesuffix("s")) > SETTINGS["SHUTDOWN_SECONDS"]
    _check_environment({name: value for name, value in example().items() if name not in COMPOSE})


def test_what_the_example_points_to_is_a_container_of_ours() -> None:
    given, services = example(), compose()["services"]
    for name in ("DATABASE_URL", "QDRANT_URL", "AMQP_CONNECTION_STRING", "REDIS_URL"):
        host = re.search(r"(?:@|//)([a-z]+):\d+", given[name])
        assert host is not None and host[1] in services, name
    assert given["MQTT_BROKER"] in services
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    assert used <= given.keys()


def test_manifests_probe_doors_that_exist_and_give_time_to_stop() -> None:
    (config,) = (one["data"] for one in manifests() if one["kind"] == "ConfigMap")
    _check_environment(config)
    pods = [one["spec"]["template"]["spec"] for one in manifests() if one["kind"] == "Deployment"]
    assert len(pods) == 2
    for pod in pods:
        assert pod["terminationGracePeriodSeconds"] > float(config["SHUTDOWN_SECONDS"]) + 5
        (container,) = pod["containers"]
        for name, probe in container.items():
            if name.endswith("Probe"):
                assert probe["httpGet"]["path"] in HEALTH
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
        claims = {one["metadata"]["name"] for one in manifests() if one["kind"] == "PersistentVolumeClaim"}
        used = {v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
        assert used == claims


def test_what_scaling_asks_for_is_told_by_metrics(tmp_path: Path) -> None:
    (scaled,) = (one for one in manifests() if one["kind"] == "ScaledObject")
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    metrics, jobs = Metrics(), JobStore(JobSettings(storage_dir=tmp_path))
    jobs.open()
    metrics.watch_jobs(jobs.stats)
    told = generate_latest(metrics.registry).decode()
    jobs.close()
    for name in re.findall(r"lookhear_\w+(?:\{.*?\})?", query):
        assert f"\n{name} " in told, name
    names = {one["metadata"]["name"] for one in manifests() if one["kind"] == "Deployment"}
    assert scaled["spec"]["scaleTargetRef"]["name"] in names


@pytest.mark.parametrize("directive", ["client_max_body_size", "proxy_buffering off", "proxy_request_buffering off"])
def test_the_proxy_s_file_has_what_uploads_and_events_take(directive: str) -> None:
    assert directive in (ROOT / "deploy" / "nginx.conf").read_text()
