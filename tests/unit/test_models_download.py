"""Files over HTTP, from a real server that cuts connections, changes files, redirects and refuses."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookhear.errors import LookhearError, ModelUnavailable
from lookhear.models import download as module
from lookhear.models.card import Source
from lookhear.models.download import download, hub_url
from support.web import Page, Web, web

DATA = os.urandom(1 << 20) + b"the end"


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as found:
        yield found


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_WAIT", 0.0)


def fetched(url: str, target: Path, **options: str) -> list[int]:
    """Downloads; the counts that were told meanwhile."""
    counts: list[int] = []
    download(url, target, counts.append, **options)
    return counts


def test_a_file_comes_whole_and_is_counted(site: Web, tmp_path: Path) -> None:
    target = tmp_path / "a.part"
    counts = fetched(site.put("/a", DATA), target)
    assert target.read_bytes() == DATA
    assert counts == sorted(counts) and counts[-1] == len(DATA)
    assert site.asked[0].headers["accept-encoding"] == "identity" and "authorization" not in site.asked[0].headers


def test_after_a_cut_only_the_rest_is_sent(site: Web, tmp_path: Path) -> None:
    url = site.put("/a", DATA, cuts=[700_000])
    counts = fetched(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA
    first, second = site.asked
    start = int(second.headers["range"].removeprefix("bytes=").rstrip("-"))
    assert first.sent == 700_000 and 0 < start <= 700_000
    assert second.status == 206 and second.sent == len(DATA) - start
    assert second.headers["if-range"] == '"1"'
    assert counts == sorted(counts)


def test_a_later_call_goes_on_where_an_earlier_one_broke_off(site: Web, tmp_path: Path) -> None:
    url = site.put("/a", DATA, cuts=[700_000, *[0] * 10])
    with pytest.raises(ModelUnavailable, match="no connection"):
        fetched(url, tmp_path / "a.part")
    kept = (tmp_path / "a.part").stat().st_size
    assert 0 < kept <= 700_000
    site.pages["/a"].cuts, before = [], site.sent
    fetched(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA
    assert site.sent - before == len(DATA) - kept


def test_a_line_that_breaks_often_but_moves_on_gets_there(site: Web, tmp_path: Path) -> None:
    data = os.urandom(20 * (1 << 18))
    url = site.put("/a", data, cuts=[1 << 19] * 9)
    fetched(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == data


def test_a_file_that_changed_meanwhile_is_fetched_afresh(site: Web, tmp_path: Path) -> None:
    url = site.put("/a", DATA, cuts=[700_000, *[0] * 10])
    with pytest.raises(ModelUnavailable):
        fetched(url, tmp_path / "a.part")
    other = DATA[::-1]
    site.pages["/a"] = Page(other, etag='"2"')
    fetched(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == other
    assert site.asked[-1].status == 200


def test_a_server_that_knows_no_if_range_mixes_nothing(site: Web, tmp_path: Path) -> None:
    url = site.put("/a", DATA, cuts=[700_000, *[0] * 10])
    with pytest.raises(ModelUnavailable):
        fetched(url, tmp_path / "a.part")
    site.pages["/a"] = Page(DATA[::-1], etag='"2"', checks=False)
    fetched(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA[::-1]


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_without_a_strong_tag_nothing_is_continued(site: Web, tmp_path: Path, etag: str | None) -> None:
    url = site.put("/a", DATA, etag=etag, cuts=[700_000])
    fetched(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA
    assert [asked.status for asked in site.asked] == [200, 200]


def test_a_server_without_ranges_sends_it_again(site: Web, tmp_path: Path) -> None:
    url = site.put("/a", DATA, ranges=False, cuts=[700_000])
    fetched(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA


def test_a_part_that_is_the_whole_file_is_kept_as_it_is(site: Web, tmp_path: Path) -> None:
    """The process was killed between the last byte and the end."""
    url = site.put("/a", DATA)
    (tmp_path / "a.part").write_bytes(DATA)
    (tmp_path / "a.part.tag").write_text(f'{{"{url}": "\\"1\\""}}')
    fetched(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA
    assert site.sent == 0


def test_a_part_that_is_longer_than_the_file_is_thrown_away(site: Web, tmp_path: Path) -> None:
    url = site.put("/a", DATA)
    (tmp_path / "a.part").write_bytes(DATA + b"more")
    (tmp_path / "a.part.tag").write_text(f'{{"{url}": "\\"1\\""}}')
    fetched(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA


def test_a_part_from_elsewhere_is_not_continued(site: Web, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(b"of another server")
    (tmp_path / "a.part.tag").write_text('{"http://elsewhere/a": "\\"1\\""}')
    fetched(site.put("/a", DATA), tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA


@pytest.mark.parametrize("etag", ['"1"', None])
def test_gzip_that_nobody_asked_for_is_undone(site: Web, tmp_path: Path, etag: str | None) -> None:
    data = b"easily squeezed " * 50_000
    fetched(site.put("/a", data, gzip=True, etag=etag), tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == data


def test_gzip_that_is_longer_than_the_file_is_no_cut(site: Web, tmp_path: Path) -> None:
    fetched(site.put("/a", DATA, gzip=True), tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA and len(site.asked) == 1


def test_gzip_that_is_cut_is_not_continued_in_the_middle(site: Web, tmp_path: Path) -> None:
    fetched(site.put("/a", DATA, gzip=True, cuts=[700_000]), tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA


def test_without_a_length_it_ends_with_the_connection(site: Web, tmp_path: Path) -> None:
    fetched(site.put("/a", DATA, length=False), tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA


def test_an_empty_file_is_one(site: Web, tmp_path: Path) -> None:
    fetched(site.put("/a", b""), tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == b""


def test_a_server_that_is_busy_is_asked_again(site: Web, tmp_path: Path) -> None:
    fetched(site.put("/a", DATA, statuses=[503, 429, 500]), tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == DATA
    assert [asked.status for asked in site.asked] == [503, 429, 500, 200]


@pytest.mark.parametrize(
    ("status", "kind", "words", "times"),
    [
        (404, FileNotFoundError, "there is no such file", 1),
        (401, ModelUnavailable, r"HTTP 401.*HF_TOKEN", 1),
        (403, ModelUnavailable, r"HTTP 403.*HF_TOKEN", 1),
        (418, ModelUnavailable, "HTTP 418", 1),
        (500, ModelUnavailable, "HTTP 500", 5),
    ],
)
def test_a_refusal_is_told(
    site: Web, tmp_path: Path, status: int, kind: type[Exception], words: str, times: int
) -> None:
    with pytest.raises(kind, match=words):
        fetched(site.put("/a", DATA, status=status), tmp_path / "a.part")
    assert len(site.asked) == times
    assert not (tmp_path / "a.part").exists()


def test_the_token_goes_to_the_hub_alone_not_where_it_redirects(site: Web, tmp_path: Path) -> None:
    with web() as other:
        url = site.put("/a", location=other.put("/b", DATA))
        fetched(url, tmp_path / "a.part", token="secret")
        assert (tmp_path / "a.part").read_bytes() == DATA
        assert site.asked[0].headers["authorization"] == "Bearer secret"
        assert "authorization" not in other.asked[0].headers
        host = site.put("/c", location=other.url("/b", host="localhost"))
        fetched(host, tmp_path / "c.part", token="secret")
        assert "authorization" not in other.asked[1].headers


def test_a_redirect_within_the_hub_keeps_the_token(site: Web, tmp_path: Path) -> None:
    site.put("/b", DATA)
    fetched(site.put("/a", location="/b"), tmp_path / "a.part", token="secret")
    assert [asked.headers.get("authorization") for asked in site.asked] == ["Bearer secret"] * 2


def test_a_token_with_a_line_break_is_not_told_to_anybody(site: Web, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="HF_TOKEN holds") as caught:
        fetched(site.put("/a", DATA), tmp_path / "a.part", token="secret\nagent")
    assert "secret" not in caught.value.message and not site.asked


def test_redirects_that_never_end_do(site: Web, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="redirect"):
        fetched(site.put("/a", location="/a"), tmp_path / "a.part")
    assert len(site.asked) < 50


def test_another_hub_is_asked_where_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(hub="who/what", path="a/model.onnx", revision="abc")
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert hub_url(source) == "https://huggingface.co/who/what/resolve/abc/a/model.onnx"
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.local/")
    assert hub_url(source) == "http://hub.local/who/what/resolve/abc/a/model.onnx"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://nowhere.invalid/a", "no connection"),
        ("ftp://127.0.0.1/a", "ftp"),
        ("127.0.0.1/a", "127.0.0.1/a"),
        ("http:///a", "http:///a"),
    ],
)
def test_what_will_never_work_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    monkeypatch.setattr(module, "_FIRST_WAIT", 20.0)
    began = time.monotonic()
    with pytest.raises(ModelUnavailable, match=words):
        fetched(url, tmp_path / "a.part")
    assert time.monotonic() - began < 15


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(ModelUnavailable, match=r"no connection \(Connection refused\)"):
            fetched(f"http://127.0.0.1:{taken.getsockname()[1]}/a", tmp_path / "a.part")


def test_what_is_no_http_is_told(tmp_path: Path) -> None:
    import threading

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            with pytest.raises(LookhearError, match="no connection"):
                fetched(f"http://127.0.0.1:{listening.getsockname()[1]}/a", tmp_path / "a.part")
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
