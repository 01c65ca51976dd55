"""``lookhear serve`` and ``lookhear worker`` as real processes that can be killed and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import httpx

LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))
_PATIENCE = 40.0  # s that one may take to start or to end


class Program:
    """One process and its children, a group of its own. Starts with ``start``, ends at the latest with the block."""

    def __init__(self, folder: Path, *command: str, **variables: str) -> None:
        self.folder, self.command = folder, command
        self.variables = {**os.environ, "STORAGE_DIR": str(folder / "data"), "AUTH_DISABLED": "true", **variables}
        self.log = folder / f"{command[0]}-{id(self)}.log"
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Program:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill(group=True)

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Program:
        """It says that it is there; a server also where."""
        self.launch()
        self.awaited()
        return self

    def launch(self) -> None:
        """It is on its way."""
        with self.log.open("a") as errors:
            self._process = subprocess.Popen(
                [LOOKHEAR, *self.command],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=self.variables,
                cwd=self.folder,
                start_new_session=True,
            )

    def awaited(self) -> None:
        """It is there."""
        assert self._process is not None and self._process.stdout is not None
        said = _line(self._process.stdout)
        assert "Ctrl-C stops it" in said, (said, self.log.read_text()[-3000:])
        self.url = said.split(" serves ")[1].split(" ")[0] if " serves " in said else ""

    def client(self, **more: float) -> httpx.Client:
        """Of this server, as long as it lives."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=more.get("timeout", 30.0))

    def kill(self, *, group: bool = False) -> None:
        """At once, as by ``kill -9``: the process alone, or with its children."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL) if group else self._process.kill()
        self._process.communicate(timeout=_PATIENCE)

    def ended(self, sig: int = signal.SIGTERM) -> tuple[int, float]:
        """Its exit code after the signal, and how many seconds that took."""
        began = time.monotonic()
        os.kill(self.pid, sig)
        return self.waited(), time.monotonic() - began

    def waited(self) -> int:
        """Its exit code, once it has ended."""
        assert self._process is not None
        return self._process.wait(_PATIENCE)


def children(pid: int) -> list[int]:
    """Its worker processes."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [int(one) for path in found for one in path.read_text().split()]
    return [one for one in pids if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def _line(said: IO[str]) -> str:
    line = said.readline()
    return line
