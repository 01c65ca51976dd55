"""Which models are installed and which version is used, whoever changes it, and whatever became of our own files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lookhear.errors import UnknownModel
from lookhear.models.card import Want
from lookhear.models.store import Installed, Store
from support.weights import install, times

ROLE = Want("tinies")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, version: str = "1", factor: float = 2.0, **facts: object) -> Installed:
    store.folder.mkdir(exist_ok=True)
    return install(store, store.folder.parent, times(factor), version=version, **facts)


def active(store: Store, name: str = "tiny") -> str | None:
    one = store.active(name)
    return one.card.id if one else None


def test_an_empty_store_knows_nothing_and_makes_nothing(store: Store) -> None:
    assert store.all() == {} and store.active("tiny") is None and store.find(ROLE) is None and store.stamp() == 0
    assert not store.folder.exists()


def test_versions_lie_side_by_side_and_the_last_is_active(store: Store) -> None:
    one, two = put(store, "1"), put(store, "2", 3.0)
    assert set(store.all()) == {"tiny@1", "tiny@2"} and active(store) == "tiny@2"
    assert one.file().read_bytes() != two.file().read_bytes() and one.sha256 != two.sha256
    assert store.find(Want("tinies", "tiny@1")) == one and store.find(Want("tinies", "tiny")) == two
    assert store.find(Want("tinies", "tiny@3")) is None
    put(store, "1")
    assert active(store) == "tiny@1", "pulling it again makes it active"


def test_a_version_is_activated_and_rolled_back(store: Store) -> None:
    for version in ("1", "2", "3"):
        put(store, version)
    assert store.activate("tiny", "1").card.version == "1" and active(store) == "tiny@1"
    assert store.rollback("tiny").card.version == "3" and active(store) == "tiny@3"
    assert store.rollback("tiny").card.version == "2" and active(store) == "tiny@2"
    assert store.rollback("tiny").card.version == "1" and active(store) == "tiny@1"


def test_rolling_back_passes_over_what_was_removed(store: Store) -> None:
    for version in ("1", "2", "3"):
        put(store, version)
    store.remove("tiny", "2")
    assert store.rollback("tiny").card.version == "1"
    store.remove("tiny", "3")
    with pytest.raises(UnknownModel, match="No earlier version of 'tiny' is installed"):
        store.rollback("tiny")
    assert active(store) == "tiny@1"
    with pytest.raises(UnknownModel, match="No earlier version of 'nobody'"):
        store.rollback("nobody")


def test_what_is_removed_is_gone_and_the_one_before_is_used(store: Store) -> None:
    put(store, "1")
    two = put(store, "2")
    store.remove("tiny", "2")
    assert active(store) == "tiny@1" and not two.folder.exists()
    store.remove("tiny", "1")
    assert active(store) is None and store.all() == {} and store.find(ROLE) is None
    with pytest.raises(
        UnknownModel, match=r"'tiny@1' is not installed; nothing is\. Get it with: lookhear models pull tiny@1"
    ):
        store.remove("tiny", "1")
    assert [path for path in store.folder.rglob("*.onnx") if "installed" in path.parts] == []


def test_what_was_worked_out_of_its_weights_goes_with_it(store: Store) -> None:
    one, two = put(store, "1"), put(store, "2", 3.0)
    digests = [(model.sha256 or "")[:16] for model in (one, two)]
    for folder in ("derived", "cache"):
        (store.folder / folder).mkdir()
    (store.folder / "cache" / f"tiny@1-{digests[0]}").mkdir()
    for name in (f"tiny@1-tiny-{digests[0]}-int8.onnx", f"tiny@2-tiny-{digests[1]}-int8.onnx"):
        (store.folder / "derived" / name).write_text("")
    store.remove("tiny", "1")
    left = [path.name for folder in ("derived", "cache") for path in (store.folder / folder).iterdir()]
    assert left == [f"tiny@2-tiny-{digests[1]}-int8.onnx"]


def test_a_version_that_comes_back_is_used_again(store: Store) -> None:
    put(store, "1"), put(store, "2")
    store.remove("tiny", "2")
    put(store, "2")
    assert active(store) == "tiny@2" and store.rollback("tiny").card.version == "1"


def test_what_is_not_there_cannot_be_activated(store: Store) -> None:
    put(store)
    for name, version in (("tiny", "9"), ("nobody", None)):
        with pytest.raises(UnknownModel, match="is not installed; tiny@1 is"):
            store.activate(name, version)


def test_of_a_role_the_best_is_used_unless_another_was_chosen(store: Store) -> None:
    put(store, name="small", rank=1)
    put(store, name="large", rank=9)
    put(store, name="ours", rank=5)
    put(store, name="foreign", rank=99, role="others")
    found = store.find(ROLE)
    assert found is not None and found.card.name == "large"
    store.activate("small", choose=True)
    assert store.find(ROLE) == store.active("small") and store.find(Want("others")) == store.active("foreign")
    store.activate("ours")
    assert store.find(ROLE) == store.active("small"), "only choosing chooses"
    store.remove("small", "1")
    assert store.find(ROLE) == store.active("large")
    put(store, name="small", rank=1)
    assert store.find(ROLE) == store.active("small"), "it was chosen"


def test_what_may_not_be_used_commercially_is_left_out(store: Store) -> None:
    put(store, name="free", rank=1)
    assert store.find(ROLE, commercial_only=True) == store.active("free")
    for name, rank, commercial in (("bound", 8, False), ("unclear", 9, None)):
        put(store, name=name, rank=rank, commercial=commercial)
        assert store.find(ROLE) == store.active(name)
        assert store.find(ROLE, commercial_only=True) == store.active("free")


def test_an_alias_stands_for_a_model_unless_one_is_called_so(store: Store) -> None:
    one = put(store, aliases=("their-name.pt",))
    assert store.find(Want("tinies", "their-name.pt")) == one
    assert store.find(Want("tinies", "their-name.pt@1")) == one
    assert store.find(Want("tinies", "their-name.pt@2")) is None
    assert store.find(Want("others", "their-name.pt")) is None
    own = put(store, name="their-name.pt")
    assert store.find(Want("tinies", "their-name.pt")) == own


def test_what_another_process_does_is_seen(store: Store) -> None:
    put(store, "1")
    put(store, "2")
    assert active(store) == "tiny@2" and len(store.all()) == 2
    code = "import sys; from pathlib import Path; from lookhear.models.store import Store; store = Store(Path(sys.argv[1]));"
    for act, expected in (
        ("store.activate('tiny', '1')", "tiny@1"),
        ("store.rollback('tiny')", "tiny@2"),
        ("store.remove('tiny', '2')", "tiny@1"),
        ("store.remove('tiny', '1')", None),
    ):
        subprocess.run([sys.executable, "-c", code + act, str(store.folder)], check=True)
        assert active(store) == expected
    assert store.all() == {}


def test_many_changes_in_one_tick_of_the_clock_are_all_seen(store: Store) -> None:
    put(store, "1"), put(store, "2")
    other, stamps = Store(store.folder), set()
    for i in range(50):
        store.activate("tiny", "12"[i % 2])
        stamps.add(other.stamp())
        assert active(other) == f"tiny@{'12'[i % 2]}"
    assert len(stamps) == 50


UNREADABLE = ["", "{", "[]", "7", "null", '"text"', '{"active": []}', '{"active": null, "chosen": 3}',
              '{"active": {"tiny": "2"}}', '{"active": {"tiny": [2, null, {}]}, "chosen": {"tinies": ["x"]}}']  # fmt: skip


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_state_that_cannot_be_read_loses_no_model(store: Store, text: str) -> None:
    put(store, "1")
    (store.folder / "state.json").write_text(text)
    fresh = Store(store.folder)
    assert active(fresh) == "tiny@1" and fresh.find(ROLE) is not None
    put(fresh, "2")
    assert active(store) == "tiny@2" and store.activate("tiny", "1").card.version == "1"
    assert store.rollback("tiny").card.version == "2"


def test_a_state_that_is_gone_loses_no_model(store: Store) -> None:
    put(store, "1")
    (store.folder / "state.json").unlink()
    assert active(Store(store.folder)) == "tiny@1" and Store(store.folder).find(ROLE) is not None


def test_what_a_newer_version_of_ours_wrote_is_kept(store: Store) -> None:
    put(store, "1")
    state = json.loads((store.folder / "state.json").read_text())
    (store.folder / "state.json").write_text(json.dumps({**state, "future": {"a": 1}}))
    put(store, "2")
    assert json.loads((store.folder / "state.json").read_text())["future"] == {"a": 1}


@pytest.mark.parametrize("facts", [{"colour": "red"}, {"name": 7}, {"files": None}, {"inputs": []}])
def test_a_card_that_is_not_understood_is_as_if_it_were_not_there(store: Store, facts: dict[str, object]) -> None:
    put(store, "1")
    two = put(store, "2")
    text = json.loads((two.folder / "card.json").read_text())
    text["card"] |= facts
    (two.folder / "card.json").write_text(json.dumps(text))
    assert active(Store(store.folder)) == "tiny@1" and set(Store(store.folder).all()) == {"tiny@1"}


def test_a_card_in_the_place_of_another_is_not_believed(store: Store) -> None:
    one = put(store, "1")
    shutil.copytree(one.folder, one.folder.with_name("9"))
    assert set(Store(store.folder).all()) == {"tiny@1"}


def test_a_deletion_that_was_interrupted_leaves_nothing_to_be_used(store: Store) -> None:
    """Killed after the version was taken out of its place, before all of its files were gone."""
    put(store, "1")
    two = put(store, "2")
    gone = two.folder.with_name(".2.gone")
    two.folder.rename(gone)
    fresh = Store(store.folder)
    assert set(fresh.all()) == {"tiny@1"} and active(fresh) == "tiny@1"
    put(fresh, "2")
    fresh.remove("tiny", "2")
    assert not gone.exists() and set(fresh.all()) == {"tiny@1"}


def test_a_version_that_came_whole_but_was_never_made_active_can_be_used(store: Store) -> None:
    """Killed between the two."""
    put(store, "1")
    (store.folder / "state.json").write_text('{"active": {}, "chosen": {}}')
    fresh = Store(store.folder)
    assert active(fresh) == "tiny@1"
    put(fresh, "1")
    assert json.loads((store.folder / "state.json").read_text())["active"] == {"tiny": ["1"]}


def test_the_checksum_of_several_files_is_that_of_all(store: Store, tmp_path: Path) -> None:
    from lookhear.models.card import ModelFile, Source
    from lookhear.models.install import pull
    from support.weights import card

    def two(words: bytes) -> Installed:
        for name, data in (("tiny.onnx", times()), ("words.txt", words)):
            (tmp_path / name).write_bytes(data)
        files = tuple(ModelFile(name, (Source(file=str(tmp_path / name)),)) for name in ("tiny.onnx", "words.txt"))
        shutil.rmtree(store.folder, ignore_errors=True)
        return pull(card(files=files), store)

    sums = [two(words).sha256 for words in (b"a", b"b", b"a")]
    assert sums[0] == sums[2] != sums[1] and {len(digest or "") for digest in sums} == {64}
