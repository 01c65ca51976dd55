"""An HTTP server for tests that does what real ones do, good and bad, and remembers what it was asked."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_RUN = 1 << 16


@dataclass
class Asked:
    """A request. ``sent``: bytes of the body that went out."""

    path: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0
    method: str = "GET"
    body: bytes = b""


@dataclass
class Page:
    """What a path answers. ``cuts``: after so many bytes of an answer the connection ends, one number per answer."""

    body: bytes
    etag: str | None = '"1"'
    status: int = 200
    location: str | None = None  #: redirects there
    ranges: bool = True
    checks: bool = True  #: does it heed If-Range?
    length: bool = True
    kind: str = "application/octet-stream"
    gzip: bool = False  #: whatever was asked for
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  #: of the first answers
    holds: int | None = None  #: after so many bytes the answer waits for ``Web.release``


class Web:
    """``pages`` by path, with what was ``asked`` of them."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []
        self.release = threading.Event()
        self.port = 0

    def url(self, path: str = "", host: str = "127.0.0.1") -> str:
        """Where ``path`` is."""
        return f"http://{host}:{self.port}{path}"

    def put(self, path: str, body: bytes = b"", **facts: object) -> str:
        """A page; gives its address."""
        self.pages[path] = Page(body, **facts)  # type: ignore[arg-type]
        return self.url(path)

    @property
    def sent(self) -> int:
        """Bytes of all bodies."""
        return sum(asked.sent for asked in self.asked)


@contextmanager
def web() -> Iterator[Web]:
    """A server on a free port."""
    found = Web()

    class Handler(_Handler):
        site = found

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            found.release.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    site: Web

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is told."""

    def do_GET(self) -> None:
        """Answer, and remember."""
        asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()})
        self.site.asked.append(asked)
        page = self.site.pages.get(self.path, Page(b"no such page", status=404))
        status = page.statuses.pop(0) if page.statuses else page.status
        if page.location:
            return self._head(asked, 302, {"Location": page.location, "Content-Length": "0"})
        if status != 200:
            return self._body(asked, page, status, b"no", {})
        start = self._start(page)
        if start is None:
            return self._body(asked, page, 200, gzip.compress(page.body) if page.gzip else page.body, self._facts(page))
        if start >= len(page.body):
            return self._body(asked, page, 416, b"", {"Content-Range": f"bytes */{len(page.body)}"})
        told = {"Content-Range": f"bytes {start}-{len(page.body) - 1}/{len(page.body)}"}
        self._body(asked, page, 206, page.body[start:], {**self._facts(page), **told})

    def do_POST(self) -> None:
        """Take what is sent, and answer with the status of the page."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.path, headers, method="POST", body=body)
        self.site.asked.append(asked)
        page = self.site.pages.get(self.path, Page(b"no such page", status=404))
        status = page.statuses.pop(0) if page.statuses else page.status
        if page.holds is not None:
            self.site.release.wait()
        self._body(asked, page, status, page.body, {})

    def _start(self, page: Page) -> int | None:
        asked, condition = self.headers.get("Range", ""), self.headers.get("If-Range")
        if not page.ranges or not asked.startswith("bytes=") or (page.checks and condition not in (None, page.etag)):
            return None
        return int(asked.removeprefix("bytes=").rstrip("-"))

    def _facts(self, page: Page) -> dict[str, str]:
        return {
            "Content-Type": page.kind,
            **({"ETag": page.etag} if page.etag else {}),
            **({"Content-Encoding": "gzip"} if page.gzip else {}),
        }

    def _head(self, asked: Asked, status: int, headers: dict[str, str]) -> None:
        asked.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self, asked: Asked, page: Page, status: int, body: bytes, headers: dict[str, str]) -> None:
        length = {"Content-Length": str(len(body))} if page.length else {}
        end = page.cuts.pop(0) if page.cuts and status in (200, 206) else len(body)
        with suppress(ConnectionError):  # who asked may be gone
            self._head(asked, status, {**headers, **length})
            while asked.sent < min(end, len(body)):
                if page.holds is not None and asked.sent >= page.holds:
                    self.site.release.wait()
                run = body[asked.sent : min(asked.sent + _RUN, end)]
                self.wfile.write(run)
                asked.sent += len(run)
        self.close_connection = True
