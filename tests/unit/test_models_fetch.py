"""Where the files of a model come from: the mirror, then one source after the other, and never a wrong one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookhear.errors import InvalidModel, ModelUnavailable
from lookhear.models import download
from lookhear.models.card import Card, ModelFile, Source
from lookhear.models.install import pull
from lookhear.models.store import Installed, Store
from support.web import Web, web
from support.weights import card, times

DATA, OTHER = times(2.0), times(3.0)
SUM = hashlib.sha256(DATA).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SUM}\nsize {len(DATA)}\n".encode()


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as found:
        yield found


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_FIRST_WAIT", 0.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(path: Path, data: bytes = DATA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def there(one: Installed) -> bytes:
    return one.file().read_bytes()


@pytest.mark.parametrize("name", [SUM, "tiny/1/tiny.onnx", "tiny/tiny.onnx", "at-the-hub.onnx", "tiny.onnx"])
def test_a_mirror_may_call_a_file_by_its_sum_its_place_or_its_names(tmp_path: Path, store: Store, name: str) -> None:
    put(tmp_path / "mirror" / name)
    asked = card(Source(hub="a/b", path="onnx/at-the-hub.onnx"), data=DATA)
    one = pull(asked, store, f"{tmp_path}/mirror/")
    assert there(one) == DATA and one.card.files[0].sha256 == SUM


def test_a_mirror_may_be_written_as_an_address_of_this_machine(tmp_path: Path, store: Store) -> None:
    put(tmp_path / "mirror" / SUM)
    assert there(pull(card(data=DATA), store, f"file://{tmp_path}/mirror")) == DATA


def test_a_mirror_may_lie_at_home(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    put(tmp_path / "mirror" / SUM)
    assert there(pull(card(data=DATA), store, "~/mirror")) == DATA


@pytest.mark.parametrize("name", [SUM, "tiny/1/tiny.onnx", "tiny.onnx"])
def test_a_mirror_may_be_a_server(site: Web, store: Store, name: str) -> None:
    site.put(f"/m/{name}", DATA)
    assert there(pull(card(data=DATA), store, site.url("/m/"))) == DATA


def test_the_mirror_is_asked_first(site: Web, tmp_path: Path, store: Store) -> None:
    put(tmp_path / "mirror" / "tiny.onnx")
    pull(card(Source(https=site.put("/a", DATA)), data=DATA), store, str(tmp_path / "mirror"))
    assert not site.asked


def test_a_wrong_file_in_the_mirror_is_passed_over(site: Web, tmp_path: Path, store: Store) -> None:
    put(tmp_path / "mirror" / "tiny.onnx", OTHER)
    one = pull(card(Source(https=site.put("/a", DATA)), data=DATA), store, str(tmp_path / "mirror"))
    assert there(one) == DATA


def test_a_wrong_file_under_one_name_does_not_hide_the_right_one_under_another(tmp_path: Path, store: Store) -> None:
    put(tmp_path / "mirror" / "tiny" / "tiny.onnx", OTHER)
    put(tmp_path / "mirror" / "tiny.onnx", DATA)
    assert there(pull(card(data=DATA), store, str(tmp_path / "mirror"))) == DATA


def test_the_next_source_is_asked_where_one_has_it_not_or_wrong(site: Web, tmp_path: Path, store: Store) -> None:
    sources = (
        Source(https=site.url("/none")),
        Source(file=str(tmp_path / "none.onnx")),
        Source(https=site.put("/wrong", OTHER)),
        Source(file=str(put(tmp_path / "right.onnx"))),
    )
    assert there(pull(card(*sources, data=DATA), store)) == DATA


def test_where_all_are_wrong_file_and_reason_are_named(site: Web, tmp_path: Path, store: Store) -> None:
    sources = (Source(https=site.put("/wrong.onnx", OTHER)), Source(file=str(put(tmp_path / "cut.onnx", DATA[:50]))))
    with pytest.raises(InvalidModel) as caught:
        pull(card(*sources, data=DATA), store)
    said = caught.value.message
    assert said.startswith("The file tiny.onnx of tiny@1 could not be had: ")
    assert f"its SHA-256 is {hashlib.sha256(OTHER).hexdigest()}, not {SUM}" in said
    assert f"cut.onnx: tiny.onnx is damaged or another file: it holds 50 bytes instead of {len(DATA)}" in said
    assert store.all() == {}


def test_where_nothing_is_to_be_had_every_place_is_named(site: Web, tmp_path: Path, store: Store) -> None:
    sources = (Source(https=site.url("/none.onnx")), Source(https=site.put("/shut", status=401)))
    with pytest.raises(ModelUnavailable) as caught:
        pull(card(*sources, data=DATA), store, str(tmp_path / "mirror"))
    said = caught.value.message
    assert caught.value.retryable and f"mirror {tmp_path}/mirror: not there" in said
    assert "none.onnx: there is no such file" in said and "access is refused (HTTP 401)" in said


def test_a_card_without_sources_says_how_to_go_on(store: Store) -> None:
    with pytest.raises(ModelUnavailable, match="names no source; import it: lookhear models import"):
        pull(card(), store)


def test_a_mirror_that_is_down_is_asked_once(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[str] = []
    monkeypatch.setattr(download, "_TRIES", 1)
    own = download._attempt
    monkeypatch.setattr(download, "_attempt", lambda *asked: attempts.append(asked[1]) or own(*asked))
    asked = card(Source(file=str(put(tmp_path / "a.onnx"))), data=DATA)
    assert there(pull(asked, store, "http://127.0.0.1:9")) == DATA
    assert attempts == [f"http://127.0.0.1:9/{SUM}"]


def test_a_pointer_of_git_lfs_is_told(tmp_path: Path, store: Store) -> None:
    for known in (DATA, None):
        with pytest.raises(InvalidModel, match=r"only Git LFS's pointer to the file: run 'git lfs pull'"):
            pull(card(Source(file=str(put(tmp_path / "a.onnx", POINTER))), data=known), store)


def test_what_is_longer_than_it_should_be_is_not_fetched_to_its_end(site: Web, store: Store) -> None:
    with pytest.raises(InvalidModel, match=f"holds more than {len(DATA)} bytes"):
        pull(card(Source(https=site.put("/a", DATA + bytes(1 << 24))), data=DATA), store)
    assert site.sent < 1 << 24
    assert not [path for path in store.folder.rglob("*.part")]


def test_the_size_counts_where_the_sum_is_unknown(site: Web, store: Store) -> None:
    page = site.put("/a", b"<html>Please log in to this network</html>")
    file = ModelFile("tiny.onnx", (Source(https=page),), size=len(DATA))
    with pytest.raises(InvalidModel, match=f"it holds 42 bytes instead of {len(DATA)}"):
        pull(card(files=(file,)), store)


def test_a_learned_sum_refuses_another_file_the_next_time(tmp_path: Path, store: Store) -> None:
    source = put(tmp_path / "a.onnx")
    one = pull(card(Source(file=str(source))), store)
    assert one.card.files[0].sha256 == SUM
    assert json.loads((store.folder / "models.lock.json").read_text()) == {"tiny@1/tiny.onnx": SUM}
    source.write_bytes(OTHER)
    with pytest.raises(InvalidModel, match=r"not .*, as it was when first fetched; .* models\.lock\.json"):
        pull(card(Source(file=str(source))), store, force=True)
    assert there(store.all()["tiny@1"]) == DATA
    (store.folder / "models.lock.json").unlink()
    assert there(pull(card(Source(file=str(source))), store, force=True)) == OTHER


def test_a_sum_is_not_learned_from_what_proves_no_good(tmp_path: Path, store: Store) -> None:
    """Else a page that asks for a password would for ever be what the file must be."""
    source = put(tmp_path / "a.onnx", b"<html>Please log in</html>")
    with pytest.raises(InvalidModel, match="no ONNX model"):
        pull(card(Source(file=str(source))), store)
    put(source)
    assert there(pull(card(Source(file=str(source))), store)) == DATA


def test_a_damaged_lock_file_is_as_if_it_were_not_there(tmp_path: Path, store: Store) -> None:
    put(store.folder / "models.lock.json", b"[1]")
    pull(card(Source(file=str(put(tmp_path / "a.onnx")))), store)
    assert json.loads((store.folder / "models.lock.json").read_text()) == {"tiny@1/tiny.onnx": SUM}


def test_what_an_earlier_pull_left_whole_is_not_fetched_again(site: Web, store: Store) -> None:
    files = [ModelFile(name, (Source(https=site.put(f"/{name}", DATA)),)) for name in ("a.onnx", "b.txt")]
    site.pages["/b.txt"].status = 404
    asked = card(files=tuple(files))
    with pytest.raises(ModelUnavailable):
        pull(asked, store)
    site.put("/b.txt", b"labels")
    pull(asked, store)
    assert [asked.path for asked in site.asked] == ["/a.onnx", "/b.txt", "/b.txt"]


def test_bytes_are_told_for_each_file(site: Web, store: Store) -> None:
    told: list[tuple[str, int, int | None]] = []
    pull(card(Source(https=site.put("/a", DATA)), data=DATA), store, watch=lambda *said: told.append(said))
    assert told[-1] == ("tiny.onnx", len(DATA), len(DATA))


def test_the_hub_gets_the_token_and_mirrors_and_others_do_not(
    site: Web, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", site.url())
    monkeypatch.setenv("HF_TOKEN", "secret\n")
    site.put("/who/what/resolve/abc/m.onnx", DATA)
    sources = (Source(https=site.url("/elsewhere")), Source(hub="who/what", path="m.onnx", revision="abc"))
    assert there(pull(card(*sources, data=DATA), store, site.url("/mirror"))) == DATA
    tokens = {asked.path: asked.headers.get("authorization") for asked in site.asked}
    assert tokens.pop("/who/what/resolve/abc/m.onnx") == "Bearer secret"
    assert set(tokens.values()) == {None} and len(tokens) > 2


def test_a_terms_page_that_must_be_accepted_is_told(site: Web, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", site.url())
    site.put("/who/what/resolve/main/m.onnx", status=403)
    with pytest.raises(ModelUnavailable, match=r"who/what/m\.onnx on the hub: access is refused.*set HF_TOKEN"):
        pull(card(Source(hub="who/what", path="m.onnx"), data=DATA), store)


def test_several_files_lie_where_their_names_say(tmp_path: Path, store: Store) -> None:
    files = (
        ModelFile("tiny.onnx", (Source(file=str(put(tmp_path / "a"))),)),
        ModelFile("more/words.txt", (Source(file=str(put(tmp_path / "b", b"one\ntwo\n"))),)),
        ModelFile("raw/material.bin", (Source(file=str(put(tmp_path / "c", b"raw"))),), material=True),
    )
    one: Installed = pull(card(files=files), store)
    names = sorted(str(path.relative_to(one.folder)) for path in one.folder.rglob("*") if path.is_file())
    assert names == ["card.json", "more/words.txt", "tiny.onnx"]
    assert isinstance(one.card, Card) and all(file.sha256 for file in one.card.kept)
