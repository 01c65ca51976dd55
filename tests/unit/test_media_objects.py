"""Objects of a store: read like files, listed as a stream, and what goes wrong told in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookhear
from lookhear.errors import (
    EmptyMedium,
    InputError,
    LimitExceeded,
    MediumNotFound,
    MediumUnreadable,
    NotAMedium,
    ObjectsUnreachable,
    SourceRefused,
)
from lookhear.media.limits import Limits
from lookhear.media.objects import EVERY, check_allowed, listing, named
from lookhear.media.source import open_source
from support.files import jpeg
from support.s3 import Stores, serving
from support.sound import encode, tone

FACTS = ["technical"]
LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))
OPEN = Limits(object_prefixes=EVERY)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    with serving(tmp_path_factory.mktemp("s3") / "log") as stores:
        for name in ("a.jpg", "odd//b ü %20#?.jpg", "sub/../c.jpg", ".hidden/d.jpg", "sub/.e.jpg", "sub/"):
            stores.put(f"s3://media-in/some/{name}", b"" if name.endswith("/") else jpeg())
        stores.put("s3://media-in/something.wav", encode(tone(2)))
        stores.put("s3://media-in/film.m4a", encode(tone(2), "mp4", "aac", "fltp"))
        stores.put("s3://media-in/bad/empty.jpg", b"")
        stores.put("s3://media-in/bad/text.jpg", b"no picture " * 40)
        yield stores


def test_an_object_gives_what_the_file_gives(stores: Stores, tmp_path: Path) -> None:
    for name in ("something.wav", "film.m4a", "some/a.jpg"):
        file = tmp_path / Path(name).name
        file.write_bytes(stores.get("media-in", name))
        ours, theirs = lookhear.analyze(f"s3://media-in/{name}"), lookhear.analyze(file)
        assert ours.medium.name == f"s3://media-in/{name}"
        assert ours.findings == theirs.findings and ours.medium.sha256 == theirs.medium.sha256


def test_a_file_url_is_the_path(tmp_path: Path) -> None:
    file = tmp_path / "a b#.jpg"
    file.write_bytes(jpeg())
    assert lookhear.analyze(file.as_uri(), FACTS).medium.name == str(file)
    assert lookhear.analyze("file://localhost" + file.as_uri()[7:], FACTS).medium.name == str(file)
    with pytest.raises(InputError, match="names another machine"):
        lookhear.analyze("file://other/a.jpg")
    with pytest.raises(SourceRefused):  # as a service is asked for it: no file is read
        open_source(file.as_uri(), Limits(allow_urls=True))


def test_a_prefix_is_listed_without_what_is_hidden(stores: Stores) -> None:
    found = {one.url: one for one in named("s3://media-in/some")}
    assert list(found) == [f"s3://media-in/some/{name}" for name in ("a.jpg", "odd//b ü %20#?.jpg")]
    assert all(one.size == len(jpeg()) and one.version for one in found.values())
    assert [one.url for one in named("s3://media-in/something.wav")] == ["s3://media-in/something.wav"]
    for url in found:
        assert lookhear.analyze(url, FACTS).medium.size == len(jpeg())


def test_a_listing_is_read_a_page_at_a_time(stores: Stores) -> None:
    for number in range(1005):
        stores.put(f"s3://many-keys/k/{number:05}.bin", b"x")
    seen = listing("s3://many-keys/k/")
    assert next(seen).url == "s3://many-keys/k/00000.bin"
    assert sum(1 for _ in seen) == 1004


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("s3://media-in/none.jpg", MediumNotFound, "no such object"),
        ("s3://no-such-bucket/a.jpg", MediumNotFound, "no bucket 'no-such-bucket'"),
        ("s3://no-such-bucket/", MediumNotFound, "no bucket 'no-such-bucket'"),
        ("s3://media-in/nothing/", NotAMedium, "nothing below it"),
        ("s3://media-in/bad/empty.jpg", EmptyMedium, "not a single byte"),
        ("s3:///a.jpg", InputError, "names no bucket"),
        ("s3://no bucket!/a.jpg", InputError, "can be no object"),
    ],
)
def test_what_cannot_be_read(stores: Stores, url: str, error: type[InputError], said: str) -> None:
    with pytest.raises(error, match=said):
        lookhear.analyze(url, FACTS)


def test_too_large_is_told_before_it_is_fetched(stores: Stores) -> None:
    with pytest.raises(LimitExceeded, match="MAX_MEDIA_BYTES"):
        lookhear.analyze("s3://media-in/something.wav", FACTS, limits=Limits(max_media_bytes=1000))


def test_denied(stores: Stores) -> None:
    with stores.denying(), pytest.raises(MediumUnreadable, match="denies it"):
        lookhear.analyze("s3://media-in/some/a.jpg", FACTS)
    assert lookhear.analyze("s3://media-in/some/a.jpg", FACTS).complete


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, stores: Stores) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ObjectsUnreachable, match="AWS_ENDPOINT_URL"):
        lookhear.analyze("s3://media-in/some/a.jpg", FACTS)


def test_only_below_the_prefixes() -> None:
    limits = Limits(object_prefixes="s3://one/media/, s3://two")
    for url in ("s3://one/media/a.jpg", "s3://two/x/y", "S3://one/media/b"):
        check_allowed(url, limits)
    for url in (
        "s3://one/mediax/a.jpg",
        "s3://one/a.jpg",
        "s3://three/a",
        "s3://one/media/../a.jpg",
        "s3://one/./media/a",
    ):
        with pytest.raises(SourceRefused, match="OBJECT_PREFIXES"):
            check_allowed(url, limits)
    with pytest.raises(SourceRefused):  # unasked, nothing is open
        open_source("s3://one/media/a.jpg", Limits(allow_urls=True, allow_private_urls=True))


def test_the_command_goes_on_past_what_is_bad_and_is_taken_up_again(stores: Stores, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    command = [LOOKHEAR, "analyze", "s3://media-in/bad/", "s3://media-in/some", "s3://media-in/some/a.jpg"]
    command += ["s3://no-such-bucket/x/", "s3://media-in/none.jpg", "--tasks", "technical", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3, done.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    names = [row.get("medium", row)["name"] for row in rows]
    assert len(names) == len(set(names)) == 6
    assert sum("error" in row for row in rows) == 4
    again = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "0 analysed" in again.stderr, again.stderr
    assert len(out.read_text().splitlines()) == 6


def test_without_boto3_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'boto3' else find(name, *more)\n"
        "import sys; sys.argv = ['lookhear', 'analyze', 's3://bucket/a.jpg']\n"
        "from lookhear.cli.main import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.returncode != 0 and "pip install 'lookhear[s3]'" in done.stderr
    assert "Traceback" not in done.stderr
