"""Fetching: never from an address that is not allowed, whatever a server answers."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

import lookhear
from lookhear.errors import InputError, SourceFailed, SourceRefused, SourceTimedOut
from lookhear.media import url as fetching
from lookhear.media.limits import Limits
from support.sound import encode, tone

ALLOWED = Limits(allow_urls=True, allow_private_urls=True, media_open_seconds=3)
PUBLIC_ONLY = Limits(allow_urls=True, media_open_seconds=3)


class Answers(http.server.BaseHTTPRequestHandler):
    """One behaviour per path."""

    song = b""

    def do_GET(self) -> None:
        head, _, target = self.path.partition("?to=")
        if head == "/redirect":
            self._head(302, {"Location": target})
        elif head == "/short":  # hangs up early
            self._head(200, {"Content-Length": str(len(self.song))})
            self.wfile.write(self.song[: len(self.song) // 2])
        elif head == "/chunks":  # hangs up in the middle of a chunk
            self._head(200, {"Transfer-Encoding": "chunked"})
            self.wfile.write(b"4000\r\n" + self.song[:0x4000] + b"\r\n4000\r\n" + self.song[0x4000:0x5000])
        elif head == "/garbage":
            self.wfile.write(b"\x00\xff nothing of HTTP\r\n\r\n")
        else:
            self._head(200, {"Content-Length": str(len(self.song)), "Content-Type": "text/html"})
            self.wfile.write(self.song)

    def _head(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        self.handle_one_request()  # one request a connection, so that hanging up is seen

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    Answers.song = encode(tone(2), "mp3", "libmp3lame", "fltp")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_content_counts_not_its_label(server: str) -> None:
    report = lookhear.analyze(f"{server}/page.html", ["technical", "spectral"], limits=ALLOWED)
    assert report["technical"].codec == "mp3"
    assert report.medium.name == f"{server}/page.html"


def test_redirects_are_followed_where_they_may_lead(server: str) -> None:
    report = lookhear.analyze(f"{server}/redirect?to={server}/song", ["technical"], limits=ALLOWED)
    assert report["technical"].codec == "mp3"


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "/redirect?to=/redirect"]
)
def test_redirects_lead_nowhere_else(server: str, target: str) -> None:
    if target.startswith("/"):
        target = server + target
    with pytest.raises(InputError):
        lookhear.analyze(f"{server}/redirect?to={target}", ["technical"], limits=ALLOWED)


def test_a_redirect_into_the_private_net_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first server counts as public here: only its own port may be reached, wherever it redirects to."""
    port = int(server.rpartition(":")[2])
    connect = fetching._connect

    def as_if_public(address: tuple[str, int], timeout: float | None, limits: Limits) -> socket.socket:
        return connect(address, timeout, ALLOWED if address == ("127.0.0.1", port) else limits)

    monkeypatch.setattr(fetching, "_connect", as_if_public)
    assert lookhear.analyze(f"{server}/song", ["technical"], limits=PUBLIC_ONLY)["technical"].codec == "mp3"
    for target in (
        f"http://localhost:{port}/song",
        f"http://[::1]:{port}/",
        "http://169.254.169.254/",
        "http://10.0.0.1/",
    ):
        with pytest.raises(SourceRefused, match="private address"):
            lookhear.analyze(f"{server}/redirect?to={target}", ["technical"], limits=PUBLIC_ONLY)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "192.168.0.1",
     "172.16.0.1", "100.64.0.1", "[fe80::1]", "[fd00::1]"],
)  # fmt: skip
def test_private_addresses_in_all_their_spellings(host: str) -> None:
    with pytest.raises(InputError) as caught:
        lookhear.analyze(f"http://{host}:9/song.mp3", ["technical"], limits=PUBLIC_ONLY)
    assert isinstance(caught.value, SourceRefused) or "could not be fetched" in caught.value.message


@pytest.mark.parametrize(
    "host", ["[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[::127.0.0.1]", "[::ffff:10.0.0.1]", "224.0.0.1", "[ff0e::1]"]
)
def test_addresses_that_carry_a_private_one_are_refused(host: str) -> None:
    with pytest.raises(SourceRefused, match="private address"):
        lookhear.analyze(f"http://{host}:9/song.mp3", ["technical"], limits=PUBLIC_ONLY)


@pytest.mark.parametrize("path", ["/short", "/chunks", "/garbage"])
def test_a_broken_answer_is_told(server: str, path: str) -> None:
    with pytest.raises(SourceFailed):
        lookhear.analyze(server + path, ["technical", "spectral"], limits=ALLOWED)


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        limits = Limits(allow_urls=True, allow_private_urls=True, media_open_seconds=0.3)
        with pytest.raises(SourceTimedOut, match="timed out"):
            lookhear.analyze(f"http://127.0.0.1:{silent.getsockname()[1]}/", ["technical"], limits=limits)


@pytest.mark.parametrize(
    "url", ["http://", "http://:80/", "http://a b/", "http://127.0.0.1:port/", "http://" + "x" * 300]
)
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(InputError):
        lookhear.analyze(url, ["technical"], limits=ALLOWED)
