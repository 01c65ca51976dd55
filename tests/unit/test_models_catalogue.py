"""Which models are known: our cards hold together, and a catalogue of one's own is read or refused in words."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from lookhear.errors import InvalidCard, UnknownModel
from lookhear.models.card import Card
from lookhear.models.catalogue import Catalogue, load_catalogue, parse
from lookhear.models.runtimes import RUNTIMES
from lookhear.tasks.catalogue import all_tasks

OURS = load_catalogue()
REVISION = r"[0-9a-f]{40}|main|refs%2Fpr%2F\d+"  # of a commit; the others where no commit is known
CARDS = [pytest.param(card, id=card.id) for card in OURS.cards]
FAMILY = "families: {tiny: {role: faces, runtime: onnx, inputs: {x: [b, 4]}}}\n"


def own(text: str, folder: Path = Path()) -> Catalogue:
    return parse(FAMILY + "models:\n" + text, "own.yml", OURS.families, folder)


def entry(*lines: str, files: str = "{m.onnx: {}}") -> str:
    head = ["name: mine", "version: '1'", "family: tiny", "licence: MIT", f"files: {files}"]
    return "  - " + "\n    ".join([*head, *lines])


def roles_that_tasks_ask_for() -> set[str]:
    wants = [want for task in all_tasks() for want in task.wants(task.Options())]
    return {role for want in wants for role in getattr(want, "roles", (want.role,))}


@pytest.mark.parametrize("card", CARDS)
def test_each_card_says_what_must_be_known(card: Card) -> None:
    assert card.family in OURS.families and card.runtime in RUNTIMES
    assert card.licence and card.summary and card.page.startswith("https://")
    assert card.memory is not None and 1 <= card.memory < 65536
    assert card.kept or card.build
    names = [file.name for file in card.files]
    assert len(set(names)) == len(names) and "card.json" not in names
    for file in card.files:
        assert file.sources, file.name
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256), file.name
        assert file.size is None or file.size > 0
        for source in file.sources:
            secure = ("https://", "http://") if card.build else ("https://",)  # what is built of it is looked through
            assert source.https is None or source.https.startswith(secure)
            assert source.file is None, "a path of somebody's machine"
            assert source.hub is None or (source.path and re.fullmatch(REVISION, source.revision))
            assert source.wheel is None or (source.path and re.fullmatch(r"[\w.-]+==[\w.]+", source.wheel))


def test_no_two_models_are_the_same_file() -> None:
    kept = [card.files[0].sha256 for card in OURS.cards if len(card.files) == 1 and card.files[0].sha256]
    assert len(set(kept)) == len(kept)


def test_roles_are_those_of_tasks_and_each_recommends_one_at_most() -> None:
    assert {card.role for card in OURS.cards} <= roles_that_tasks_ask_for()
    recommended = Counter(card.role for card in OURS.cards if card.recommended)
    assert set(recommended.values()) <= {1}
    for role in recommended:
        first = OURS.first(role)
        assert first is not None and first.recommended and first.commercial is not False


def test_no_alias_is_the_name_of_another() -> None:
    names = {card.name for card in OURS.cards}
    assert not [alias for card in OURS.cards for alias in card.aliases if alias in names - {card.name}]


def test_every_family_has_its_code() -> None:
    roles = {facts["role"] for facts in OURS.families.values()}
    assert roles <= roles_that_tasks_ask_for()
    assert {facts["runtime"] for facts in OURS.families.values()} <= set(RUNTIMES)


def test_a_name_is_found_by_itself_its_version_and_its_alias() -> None:
    assert OURS.find("yunet").version == "n"
    assert OURS.find("yunet@2023mar").version == "2023mar"
    assert OURS.find("yolov8n.pt").role == "objects"
    with pytest.raises(UnknownModel, match=r"no version '7' of the model 'yunet'\. Known: n, 2023mar"):
        OURS.find("yunet@7")
    with pytest.raises(UnknownModel, match=r"no model 'yunett'\. Did you mean 'yunet'\? Known models: "):
        OURS.find("yunett")


def test_the_best_of_a_role_may_have_to_be_commercial() -> None:
    everything, ours = OURS.of("faces"), OURS.of("faces", commercial_only=True)
    assert everything[0].commercial is False and all(card.commercial for card in ours)
    assert [card.rank for card in everything] == sorted((card.rank for card in everything), reverse=True)
    assert OURS.first("nothing at all") is None


def test_a_name_for_another_task_is_refused_naming_those_that_fit() -> None:
    OURS.check_name("auto", "faces")
    OURS.check_name("yunet@n", "faces")
    with pytest.raises(UnknownModel, match=r"'yolox-s' is for objects, not for faces\. Known: .*yunet"):
        OURS.check_name("yolox-s", "faces")
    with pytest.raises(UnknownModel, match=r"no model 'nobody' for faces\. Known: .*yunet"):
        OURS.check_name("nobody", "faces")
    with pytest.raises(UnknownModel, match=r"no version '7' of the model 'yunet'"):
        OURS.check_name("yunet@7", "faces")


def test_ones_own_entry_replaces_ours_and_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "own.yml"
    path.write_text(
        "models:\n"
        "  - {name: yunet, version: n, family: yunet, licence: mine, files: {a.onnx: {sources: [{file: /a}]}}}\n"
        "  - {name: yunet, version: mine, family: yunet, licence: mine, files: {a.onnx: {}}}\n"
    )
    both = load_catalogue(path)
    assert both.find("yunet@n").licence == "mine" and both.find("yunet@2023mar").licence == "MIT"
    assert both.find("yunet@mine").inputs == OURS.find("yunet").inputs
    assert len(both.cards) == len(OURS.cards) + 1 and both.families == OURS.families


def test_labels_are_a_list_a_file_beside_the_catalogue_or_one_of_ours(tmp_path: Path) -> None:
    (tmp_path / "pets.txt").write_text("cat\n\n dog \n")
    assert own(entry("labels: [a, b]")).cards[0].labels == ("a", "b")
    assert own(entry("labels: pets.txt"), tmp_path).cards[0].labels == ("cat", "dog")
    assert len(own(entry("labels: coco"), tmp_path).cards[0].labels) == 80
    with pytest.raises(InvalidCard, match=r"own\.yml, model 'mine': there is no list of labels 'birds'"):
        own(entry("labels: birds"), tmp_path)


WRONG = {
    "no YAML": ("models: []\nfamilies: {a: ]}", "own.yml is no YAML, line 2: "),
    "a list": ("- a", "must hold 'families' and 'models'"),
    "nothing": ("", "must hold 'families' and 'models'"),
    "other parts": ("model: []", "must hold 'families' and 'models'"),
    "models by name": ("models: {mine: {}}", "'models' must be a list"),
    "models as a number": ("models: 7", "'models' must be a list"),
    "families as a list": ("families: [a]", "'families' must"),
    "a family as a list": ("families: {a: [b]}", "'families' must"),
    "a model as a word": ("models: [yunet]", "a model is written as"),
    "no family": ("models: [{name: a}]", "its family must be one of"),
    "an unknown family": ("models: [{name: a, family: b}]", "its family must be one of"),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_a_catalogue_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidCard, match=words):
        parse(text, "own.yml", OURS.families, Path())


REFUSED = {
    "an unknown field": (["colour: red"], "{m.onnx: {}}", "'colour' means nothing here. Known: .*summary"),
    "no licence": (["licence: null"], "{m.onnx: {}}", "licence: Input should be a valid string"),
    "a version that is a number": (["version: 1.0"], "{m.onnx: {}}", "version: Input should be a valid string"),
    "a rank in words": (["rank: high"], "{m.onnx: {}}", "rank: Input should be a valid integer"),
    "a slash in the name": (["name: a/b"], "{m.onnx: {}}", "'a/b' is no name"),
    "two dots as version": (["version: '..'"], "{m.onnx: {}}", "'..' is no name"),
    "an empty version": (["version: ''"], "{m.onnx: {}}", "'' is no name"),
    "facts in words": (["facts: big"], "{m.onnx: {}}", "facts"),
    "no files": ([], "", "files: Input should be a valid (list|tuple)"),
    "a file in words": ([], "{m.onnx: here}", "file 'm.onnx'"),
    "an absolute path": ([], "{/etc/passwd: {}}", "must lie in the model's own folder"),
    "a path out of the folder": ([], "{a/../../b: {}}", "must lie in the model's own folder"),
    "the folder itself": ([], "{.: {}}", "must lie in the model's own folder"),
    "our own file": ([], "{card.json: {}}", "card.json"),
    "a file twice": ([], "[{name: a}, {name: a}]", "'a' more than once"),
    "an unknown fact of a file": ([], "{m.onnx: {md5: 1}}", "file 'm.onnx': 'md5' means nothing"),
    "an unknown kind of source": ([], "{m.onnx: {sources: [{ftp: a}]}}", "file 'm.onnx': 'ftp' means nothing"),
    "two sources in one": ([], "{m.onnx: {sources: [{file: a, https: 'https://b'}]}}", "exactly one of hub, https"),
    "no source in one": ([], "{m.onnx: {sources: [{path: a}]}}", "exactly one of hub, https"),
    "a short checksum": ([], "{m.onnx: {sha256: abc}}", "sha256"),
}


@pytest.mark.parametrize(("lines", "files", "words"), REFUSED.values(), ids=REFUSED)
def test_an_entry_that_is_wrong_is_refused_naming_it(lines: list[str], files: str, words: str) -> None:
    given = {line.partition(":")[0] for line in lines}
    text = "\n".join(
        line for line in entry(files=files).splitlines() if line.strip(" -").partition(":")[0] not in given - {"name"}
    )
    if "name" in given:
        text = text.replace("name: mine", lines[0])
        lines = []
    with pytest.raises(InvalidCard, match=words) as caught:
        own("\n".join([text, *(f"    {line}" for line in lines)]))
    assert caught.value.message.startswith("own.yml")


def test_checksums_may_be_written_in_capitals() -> None:
    (card,) = own(entry(files="{m.onnx: {sha256: " + "AB" * 32 + "}}")).cards
    assert card.files[0].sha256 == "ab" * 32


def test_the_same_version_twice_is_refused() -> None:
    with pytest.raises(InvalidCard, match=r"these more than once: mine@1"):
        own(entry() + "\n" + entry())


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_catalogue_that_cannot_be_read_names_its_setting(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "own.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidCard, match=r"own\.yml cannot be read: .*MODEL_CATALOGUE"):
        load_catalogue(path)
