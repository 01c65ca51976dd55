"""An S3 server of its own for tests: a real process, spoken to over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from lookhear.media.objects import client

_SERVE = "import sys; from moto.server import main; main(sys.argv[1:])"
_PATIENCE = 30.0  # s


class Stores:
    """A server with buckets; programs find it by ``variables``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._buckets: set[str] = set()
        self.variables = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def put(self, url: str, data: bytes) -> str:
        """Keeps an object, in a bucket that is made where there is none; its URL."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        if bucket not in self._buckets:
            client().create_bucket(Bucket=bucket)
            self._buckets.add(bucket)
        client().put_object(Bucket=bucket, Key=key, Body=data)
        return url

    def put_folder(self, folder: Path, url: str) -> None:
        """All files of a folder, under their names."""
        for file in sorted(folder.iterdir()):
            self.put(f"{url}/{file.name}", file.read_bytes())

    def names(self, url: str) -> list[str]:
        """Keys of a bucket."""
        bucket = url.removeprefix("s3://").partition("/")[0]
        return [one["Key"] for one in client().list_objects_v2(Bucket=bucket).get("Contents", [])]

    def get(self, bucket: str, key: str) -> bytes:
        """The bytes of an object."""
        data: Any = client().get_object(Bucket=bucket, Key=key)["Body"].read()
        return bytes(data)

    @contextmanager
    def denying(self) -> Iterator[None]:
        """As long as it lasts, nobody who is not known to the server gets anything."""
        self._free("0")
        try:
            yield
        finally:
            self._free("inf")

    def _free(self, requests: str) -> None:
        """How many requests are answered unchecked from now on."""
        told = httpx.post(
            f"{self.url}/moto-api/reset-auth",
            content=requests,
            headers={"Content-Type": "text/plain"},
            trust_env=False,
        )
        told.raise_for_status()


@contextmanager
def serving(log: Path) -> Iterator[Stores]:
    """A server, with the environment set for it. Skips where there is none to start."""
    pytest.importorskip("boto3")
    pytest.importorskip("moto")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as told:
        command = [sys.executable, "-c", _SERVE, "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=told, stderr=told)
    stores = Stores(f"http://127.0.0.1:{port}")
    kept = {name: os.environ.get(name) for name in stores.variables}
    try:
        _awaited(server, port, log)
        os.environ.update(stores.variables)
        yield stores
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        server.kill()
        server.wait(_PATIENCE)


def _awaited(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < until, log.read_text()
