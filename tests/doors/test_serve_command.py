"""``lookhear serve`` and ``lookhear auth`` as processes: what they say, how fast they are there, how they end."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import jwt
import pytest

from lookhear.serve.http.keys import read_public

LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))
TESTS = Path(__file__).parents[1]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "STORAGE_DIR": str(tmp_path / "data"), **more}


@contextmanager
def service(tmp_path: Path, *arguments: str, **more: str) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    """The process, the line it says, and its log."""
    command, log = [sys.executable, "-m", "support.serving", "serve", "--port", "0", *arguments], tmp_path / "log"
    with log.open("w") as errors, started(command, errors, environment(tmp_path, **more), tmp_path) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline(), log


@contextmanager
def started(
    command: list[str], errors: IO[str], variables: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=variables, cwd=folder)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def url(line: str) -> str:
    return line.split(" serves ")[1].split(" ")[0]


def ended(process: subprocess.Popen[str], sig: int = signal.SIGTERM) -> int:
    process.send_signal(sig)
    return process.wait(20)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_serves_and_leaves_in_good_order(tmp_path: Path, sig: int) -> None:
    with service(tmp_path, "--workers", "3", AUTH_DISABLED="true") as (process, line, log):
        assert line.startswith("Lookhear serves http://127.0.0.1:") and line.endswith("Ctrl-C stops it.\n")
        assert "3 workers" in line and "no tokens asked for" in line
        with httpx.Client(base_url=url(line), trust_env=False) as client:
            assert client.get("/health").json()["status"] in ("starting", "healthy")
            assert client.get("/nowhere").status_code == 404
            assert ended(process, sig) == 0  # though a connection is still open
        assert process.stdout is not None and process.stdout.read() == ""
        (told,) = (json.loads(one) for one in log.read_text().splitlines())
        assert (told["path"], told["status"], told["level"]) == ("/nowhere", 404, "info")


def test_what_is_on_is_said(tmp_path: Path) -> None:
    with service(tmp_path, "--workers-off") as (process, line, _):
        assert "no workers; no PUBLIC_KEY_PATH, so jobs stay shut: lookhear auth keygen" in line
        assert ended(process) == 0


def test_the_first_health_is_there_soon(tmp_path: Path) -> None:
    took = []
    for _ in range(3):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        began = time.monotonic()
        with service(tmp_path, "--port", str(port)), httpx.Client(trust_env=False) as client:
            assert client.get(f"http://127.0.0.1:{port}/health", timeout=20).status_code == 200
            took.append(time.monotonic() - began)
    assert min(took) < 10, took  # how soon is told by the bench


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "support.serving", "serve", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(tmp_path), timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"lookhear: Port {port} of 127.0.0.1 is taken. Choose another with --port or PORT, or stop what listens there.\n"
    )


REFUSED = {
    "no address": ({"HOST": "192.0.2.1"}, "Nothing can listen at 192.0.2.1:"),
    "no name": ({"HOST": "no such host"}, "HOST=no such host is no address of this machine"),
    "no key": ({"PUBLIC_KEY_PATH": "nowhere.pem"}, "PUBLIC_KEY_PATH=nowhere.pem cannot be read"),
    "a wrong setting": ({"MAX_REQUESTS": "many"}, "The setting MAX_REQUESTS='many' is wrong"),
}


@pytest.mark.parametrize(("more", "says"), REFUSED.values(), ids=REFUSED)
def test_what_it_cannot_do_is_one_sentence(tmp_path: Path, more: dict[str, str], says: str) -> None:
    command = [sys.executable, "-m", "support.serving", "serve", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(tmp_path, **more), timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and done.stderr.startswith(f"lookhear: {says}")


def auth(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LOOKHEAR, "auth", *arguments], capture_output=True, text=True, cwd=folder, timeout=60)


def test_keys_are_made_once_and_tokens_with_them_open_doors(tmp_path: Path) -> None:
    made = auth(tmp_path, "keygen", "--out", "keys")
    private, public = tmp_path / "keys/lookhear-private.pem", tmp_path / "keys/lookhear-public.pem"
    assert made.returncode == 0 and stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes()
    again = auth(tmp_path, "keygen", "--out", "keys")
    assert again.returncode == 2 and "is there already and stays as it is" in again.stderr
    assert private.read_bytes() == before
    token = auth(
        tmp_path, "token", "--key", str(private), "--sub", "me", "--permission", "a", "--hours", "2"
    ).stdout.strip()
    claims = jwt.decode(token, read_public(public), ["ES256"])
    assert (claims["sub"], claims["permissions"], claims["is_admin"]) == ("me", ["a"], False)
    assert claims["exp"] - claims["iat"] == 7200
    with service(tmp_path, PUBLIC_KEY_PATH=str(public), AUTH_SCOPE="all") as (process, line, _):
        assert "tokens for everything but health" in line
        with httpx.Client(base_url=url(line), trust_env=False) as client:
            assert client.get("/").status_code == 401
            assert client.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert ended(process) == 0


def test_a_key_that_is_none_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("hello")
    for name, says in (("x.pem", "is no private key in PEM"), ("none.pem", "cannot be read")):
        done = auth(tmp_path, "token", "--key", name, "--sub", "me")
        assert done.returncode == 2 and says in done.stderr and done.stdout == ""
    (tmp_path / "dangling").mkdir()
    (tmp_path / "dangling/lookhear-private.pem").symlink_to(tmp_path / "elsewhere")
    assert auth(tmp_path, "keygen", "--out", "dangling").returncode == 2 and not (tmp_path / "elsewhere").exists()
