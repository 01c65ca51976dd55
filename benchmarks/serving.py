"""A service in a process of its own, as ``lookhear serve`` starts it, and a client that costs little."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.media import CACHE

BIN = Path(sys.executable).parent
MODELS = CACHE / "models"
_PATIENCE = 60.0  # s


@dataclass
class Serving:
    """Where it is. ``started``: perf_counter when its process was."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    started: float
    logged: list[dict[str, Any]] = field(default_factory=list)  #: all it told, once it has ended

    @property
    def memory(self) -> float:
        """MiB resident."""
        return _status(self.process.pid)["VmRSS"] / 1024

    @property
    def processor(self) -> float:
        """Seconds that it has computed."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def threads(self) -> int:
        """How many there are."""
        return _status(self.process.pid)["Threads"]

    @property
    def files(self) -> int:
        """How many are open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@dataclass(frozen=True)
class Answer:
    """What came back, and after how long (s)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Client:
    """One connection that is kept; one thread uses it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str | None = None) -> Answer:
        """Raises OSError and HTTPException where no answer comes."""
        began = time.perf_counter()
        if self._connection.sock is None:
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        answer = self._connection.getresponse()
        read = answer.read()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, read, time.perf_counter() - began)

    def get(self, path: str) -> Answer:
        """GET."""
        return self.ask("GET", path)

    def post(self, path: str, content: Any) -> Answer:
        """POST of JSON."""
        return self.ask("POST", path, json.dumps(content).encode(), "application/json")

    def upload(self, path: str, name: str, data: bytes, fields: Mapping[str, str] | None = None) -> Answer:
        """POST of a form with one file."""
        boundary = secrets.token_hex(16)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="'
        parts = [f'{head}{key}"\r\n\r\n{value}\r\n'.encode() for key, value in (fields or {}).items()]
        parts += [f'{head}{name}"; filename="{name}"\r\n\r\n'.encode(), data, f"\r\n--{boundary}--\r\n".encode()]
        return self.ask("POST", path, b"".join(parts), f"multipart/form-data; boundary={boundary}")

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@contextmanager
def serving(*options: str, ready: bool = True, **variables: str) -> Iterator[Serving]:
    """A service with a storage folder of its own, the benchmarks' models, and no tokens, until the end of the block."""
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder, port = Path(name), _free_port()
        known = {"STORAGE_DIR": name, "AUTH_DISABLED": "true", "MODEL_CACHE_DIR": str(MODELS)}
        with (folder / "log").open("wb") as log:
            started = time.perf_counter()
            process = subprocess.Popen(
                [str(BIN / "lookhear"), "serve", "--port", str(port), *options],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, **known, **variables},
            )
        found = Serving(process, port, folder, started)
        try:
            if ready:
                until(found, "/health/ready")
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)
            lines = (folder / "log").read_text().splitlines()
            found.logged += [json.loads(line) for line in lines if line.startswith("{")]


def until(found: Serving, path: str) -> float:
    """Seconds from the start of its process until that path answers 200."""
    while found.process.poll() is None and time.perf_counter() - found.started < _PATIENCE:
        client = Client(found.port)
        try:
            if client.get(path).status == 200:
                return time.perf_counter() - found.started
        except OSError:
            pass  # nothing listens yet
        finally:
            client.close()
        time.sleep(0.002)
    raise RuntimeError(f"The service did not answer {path}:\n{(found.folder / 'log').read_text()}")


def another(jpeg: bytes) -> bytes:
    """The same picture as other bytes, which no answer is kept of: a comment goes in."""
    comment = secrets.token_hex(16).encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def _status(pid: int) -> dict[str, int]:
    rows = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
