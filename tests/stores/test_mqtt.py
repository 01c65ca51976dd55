"""Telling a broker of jobs: a real Mosquitto that is there, away, killed, hanging, picky."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lookhear.errors import InvalidSettings
from lookhear.outlets.mqtt import Mqtt, connect
from lookhear.outlets.mqtt_line import Broker
from lookhear.outlets.outbox import Outbox
from lookhear.outlets.settings import OutletSettings
from support.jobs import eventually
from support.ports import free_port
from support.servers import Listener, mosquitto, retained

WAITS = (0.05, 0.2)
NOW = 1_800_000_000_000


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of the broker that runs here, or of one of our own."""
    try:
        socket.create_connection(("127.0.0.1", 1883), 1).close()
    except OSError:
        with mosquitto(tmp_path / "broker") as server:
            yield server.start().port
        return
    yield 1883


@pytest.fixture
def root() -> str:
    """Of topics that nobody else has."""
    return f"lookhear-test-{secrets.token_hex(6)}"


@contextmanager
def telling(port: int, topic: str = "inference/events", **more: Any) -> Iterator[Mqtt]:
    outlet = Mqtt(Broker("127.0.0.1", port), topic, waits=WAITS, **more)
    try:
        yield outlet
    finally:
        outlet.close()


def data(id: str, **more: Any) -> dict[str, Any]:
    return {"job_id": id, "task_type": "colors", "media_store_id": "7", "status": "completed", **more}


def of_module(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO and "mqtt" in one.name]


def test_an_event_and_what_is_kept_of_the_job(port: int, root: str) -> None:
    with Listener(port, f"{root}/#") as listener, telling(port, f"{root}/events") as outlet:
        assert outlet.tell("job_completed", data("j1", result={"text": "grün"}), NOW)
        assert outlet.tell("job_failed", data("j2", error="It is no picture."), NOW)
        eventually(lambda: len(listener.heard) == 4)
        good, bad = listener.at(f"{root}/events")
        assert list(good) == ["event", "data", "timestamp"] and good["event"] == "job_completed"
        assert good["data"] == data("j1", result={"text": "grün"})
        assert good["timestamp"] == NOW
        assert bad["event"] == "job_failed" and bad["data"]["error"] == "It is no picture."
        assert listener.at(f"{root}/job/j1/completed") == [{"job_id": "j1", **good}]
        assert retained(port, f"{root}/#") == [{"job_id": "j1", **good}, {"job_id": "j2", **bad}]
        outlet.clear("j1")
        outlet.clear("j2")
        eventually(lambda: len(listener.heard) == 6)
    assert retained(port, f"{root}/#") == []


def test_a_topic_without_folders(port: int, root: str) -> None:
    with Listener(port, root, "job/+/completed") as listener, telling(port, root) as outlet:
        outlet.tell("job_completed", data(root), NOW)
        outlet.clear(root)
        eventually(lambda: listener.at(root) and len(listener.at(f"job/{root}/completed")) == 2)


@pytest.mark.alone
def test_a_broker_that_comes_later_hears_all_and_is_complained_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with mosquitto(tmp_path / "broker") as server, telling(server.port) as outlet:
        began = time.monotonic()
        for number in range(100):
            outlet.tell("job_completed", data(str(number)), NOW)
        assert time.monotonic() - began < 1, "nobody waits for it"
        tries = lambda: [one for one in caplog.records if "cannot be told" in one.getMessage()]  # noqa: E731
        eventually(lambda: len(tries()) > 3)
        assert outlet.state == "down"
        server.start()
        eventually(lambda: outlet.state == "connected" and outlet.close() == 0)
        assert len(retained(server.port, "inference/job/#")) == 100
    first, second = of_module(caplog)
    assert "cannot be told of jobs" in first and "is told of jobs" in second


def test_a_broker_that_is_killed_midway_gets_all_that_it_had_not_confirmed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with mosquitto(tmp_path / "broker") as server, telling(server.start().port) as outlet:
        with Listener(server.port, "inference/events") as listener:
            for number in range(4000):
                outlet.tell("job_completed", data(str(number)), NOW)
            eventually(lambda: listener.heard)
            server.kill()
            eventually(lambda: outlet.state == "down")
            confirmed = 4000 - len(outlet._outbox) // 2
        assert 0 < confirmed < 4000, "midway"
        server.start()
        eventually(lambda: outlet.state == "connected" and outlet.close(20) == 0)
        kept = {int(one["job_id"]) for one in retained(server.port, "inference/job/#")}
        assert set(range(confirmed, 4000)) <= kept
    first, second, third = of_module(caplog)
    assert "is told" in first and "cannot be told" in second and "is told" in third


def test_a_broker_that_hangs_costs_no_caller_anything(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as server, telling(server.start().port) as outlet:
        eventually(lambda: outlet.state == "connected")
        with server.hanging():
            began = time.monotonic()
            for number in range(500):
                outlet.tell("job_completed", data(str(number), result={"text": "x" * 10_000}), NOW)
            assert time.monotonic() - began < 2
            assert outlet.close(0.1) > 0
        eventually(lambda: not outlet._thread.is_alive())
        assert len(retained(server.port, "inference/job/#")) == 500


def test_while_it_is_away_memory_is_bounded(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)
    with (
        mosquitto(tmp_path / "broker") as server,
        telling(server.port, outbox=Outbox(capacity=20)) as outlet,
    ):
        for number in range(100):
            outlet.tell("job_completed", data(str(number)), NOW)
        assert len(outlet._outbox) == 20
        server.start()
        eventually(lambda: outlet.state == "connected" and outlet.close() == 0)
        kept = retained(server.port, "inference/job/#")
        assert sorted(int(one["job_id"]) for one in kept) == list(range(90, 100)), "the newest"
    assert "180 messages were too many or too old to wait for it" in of_module(caplog)[-1]


def test_a_refused_password_is_told_once_and_a_right_one_gets_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "ann", "right"], check=True, capture_output=True)
    with mosquitto(tmp_path / "broker", "allow_anonymous false", f"password_file {passwords}") as server:
        server.start()
        caplog.set_level(logging.DEBUG)
        bad = Mqtt(Broker("127.0.0.1", server.port, "ann", "wrong"), "inference/events", waits=WAITS)
        bad.tell("job_completed", data("1"), NOW)
        eventually(lambda: sum("Not authorized" in one.getMessage() for one in caplog.records) > 2)
        assert bad.state == "down" and len(of_module(caplog)) == 1 and bad.close() == 2
        good = Mqtt(Broker("127.0.0.1", server.port, "ann", "right"), "inference/events", waits=WAITS)
        good.tell("job_completed", data("1"), NOW)
        assert good.close() == 0
    assert "wrong" not in caplog.text and "right" not in caplog.text.replace("copyright", "")


def test_a_topic_that_the_broker_forbids_is_told_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = tmp_path / "rules"
    rules.write_text("topic write inference/events\n")
    caplog.set_level(logging.INFO)
    with mosquitto(tmp_path / "broker", f"acl_file {rules}") as server, telling(server.start().port) as outlet:
        outlet.tell("job_completed", data("1"), NOW)
        assert outlet.close() == 0
    assert [line for line in of_module(caplog) if "did not take" in line and "inference/job/1/completed" in line]


def test_a_message_that_makes_the_broker_hang_up_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with mosquitto(tmp_path / "broker", "max_packet_size 2000") as server, telling(server.start().port) as outlet:
        eventually(lambda: outlet.state == "connected")
        outlet.tell("job_completed", data("1", result={"text": "x" * 5000}), NOW)
        outlet.tell("job_completed", data("2"), NOW)
        eventually(lambda: not len(outlet._outbox))
        assert outlet.close() == 0
        assert [one["job_id"] for one in retained(server.port, "inference/job/#")] == ["2"]
    assert "did not take" in caplog.text


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves a refused line to be collected
def test_tls_with_a_certificate_of_ones_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key, cert = _certificate(tmp_path)
    lines = (f"certfile {cert}", f"keyfile {key}")
    with mosquitto(tmp_path / "broker", *lines) as server:
        server.start()
        known = {"mqtt_broker": "127.0.0.1", "mqtt_port": server.port, "mqtt_tls": True}
        good = connect(OutletSettings(**known, mqtt_ca_file=cert))  # type: ignore[arg-type]
        good.tell("job_completed", data("1"), NOW)
        assert good.close() == 0
        caplog.set_level(logging.DEBUG)
        distrusting = connect(OutletSettings(**known))  # type: ignore[arg-type]
        eventually(lambda: "certificate verify failed" in caplog.text)
        distrusting.close()


def test_a_process_with_a_thousand_open_files_tells_too(port: int, root: str) -> None:
    """Which is more than ``select`` can look at."""
    with contextlib.ExitStack() as many:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
        many.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1100):
            many.enter_context(Path(os.devnull).open())
        outlet = Mqtt(Broker("127.0.0.1", port), f"{root}/events", waits=WAITS)
        outlet.tell("job_completed", data("1"), NOW)
        outlet.clear("1")
        assert outlet.close(20) == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mqtt_topic": "a/#"}, "MQTT_TOPIC"),
        ({"mqtt_topic": "/"}, "MQTT_TOPIC"),
        ({"mqtt_topic": "a/\udcff"}, "MQTT_TOPIC"),
        ({"mqtt_port": 0}, "MQTT_PORT"),
        ({"mqtt_broker": ""}, "MQTT_BROKER"),
        ({"mqtt_password": "x"}, "MQTT_USERNAME"),
        ({"mqtt_tls": True, "mqtt_ca_file": Path("/nowhere.pem")}, "MQTT_CA_FILE"),
    ],
)
def test_wrong_settings_are_refused_with_a_sentence(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSettings, match=says):
        connect(OutletSettings(**given))


def test_what_cannot_be_written_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with telling(free_port()) as outlet:
        assert not outlet.tell("job_completed", data("1", result=float("nan")), NOW)
        assert not outlet.tell("job_completed", {}, NOW)
    assert "is not told of job_completed" in caplog.text


def _certificate(folder: Path) -> tuple[Path, Path]:
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    named = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, *named, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return key, cert
