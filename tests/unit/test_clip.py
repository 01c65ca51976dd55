"""CLIP's tasks with a small model that knows red, green and blue: what comes of pictures, films, texts and labels."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import lookhear
from lookhear.analysis.plan import make_plan
from lookhear.errors import InvalidModel, InvalidOptions
from lookhear.models import clip
from lookhear.models.card import Want
from lookhear.models.clip import picture_vectors, text_vector, text_vectors, unit
from lookhear.models.clip.labels import label_vectors
from lookhear.models.golden import check
from lookhear.models.own import Description, import_file
from lookhear.models.shelf import Model, Shelf
from support.clip import BLUE, GREEN, RED, WIDTH, empty_shelf, plain, png, visual, write_clip
from support.film import encode

WORDS = "# warm\nred\n\n# cold\nblue\ngreen\nred\n"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return empty_shelf(tmp_path / "store", monkeypatch)


@pytest.fixture
def model(shelf: Shelf, tmp_path: Path) -> Model:
    import_file(write_clip(tmp_path / "small-clip"), shelf, Description())
    return shelf.get(Want(clip.ROLE))


@pytest.fixture
def words(tmp_path: Path) -> str:
    path = tmp_path / "words.txt"
    path.write_text(WORDS)
    return str(path)


def test_a_folder_with_both_graphs_is_recognised(model: Model, shelf: Shelf) -> None:
    card = model.card
    assert (card.family, card.role, card.name, card.batch) == ("clip", clip.ROLE, "small-clip", True)
    assert {name: graph.file for name, graph in card.graphs.items()} == {
        "visual": "vision_model.onnx",
        "textual": "text_model.onnx",
    }
    assert check(model.one, shelf) == "its answers are kept from now on"
    assert "off by 0.0e+00" in check(model.one, shelf)


def test_each_graph_is_loaded_when_it_is_needed(model: Model) -> None:
    picture_vectors(model, [plain(RED)])
    assert [one.name for one in model.sessions.status()] == ["small-clip"]
    text_vector(model, "red")
    assert len(model.sessions.status()) == 2


def test_pictures_and_texts_meet(model: Model) -> None:
    pictures = picture_vectors(model, [plain(RED), plain(GREEN), plain(BLUE)])
    texts = text_vectors(model, ["a photo of a red", "green", "blue"])
    assert pictures.shape == texts.shape == (3, WIDTH) and pictures.dtype == np.float32
    for vectors in (pictures, texts):
        assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6
    assert (pictures @ texts.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_many_at_once_are_as_one_by_one(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    pictures = [rng.integers(0, 255, (40 + i, 50, 3), dtype=np.uint8) for i in range(19)]
    texts = ["red " * i + "blue" for i in range(100)]
    together = picture_vectors(model, pictures), text_vectors(model, texts)
    monkeypatch.setattr(clip, "_memory", clip._Memory())
    alone = [picture_vectors(model, [picture])[0] for picture in pictures], [text_vector(model, text) for text in texts]
    for found, expected in zip(together, alone, strict=True):
        assert np.abs(found - np.stack(expected)).max() < 1e-6
    assert picture_vectors(model, []).shape[0] == 0


def test_what_was_seen_a_moment_ago_is_not_run_again(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    first = picture_vectors(model, [plain(RED)])
    runs = []
    monkeypatch.setattr(clip, "through", lambda *given: runs.append(given))
    assert (picture_vectors(model, [plain(RED)]) == first).all() and not runs
    with pytest.raises(AttributeError):  # another shape with the same bytes is another picture
        picture_vectors(model, [plain(RED, (48, 64))])
    assert len(runs) == 1


def test_memory_is_bounded(model: Model) -> None:
    text_vectors(model, [f"red {i}" for i in range(clip._KEPT + 50)])
    assert len(clip._memory._known) == clip._KEPT


def test_threads_share_runs_and_get_their_own(model: Model) -> None:
    rng = np.random.default_rng(5)
    pictures = [rng.integers(0, 255, (64, 64, 3), dtype=np.uint8) for _ in range(12)]
    found: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: picture_vectors(model, [pictures[i]])[0]}))
        for i in range(len(pictures))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clip._memory._known.clear()
    expected = picture_vectors(model, pictures)
    assert max(np.abs(found[i] - expected[i]).max() for i in range(len(pictures))) < 1e-6
    assert model.sessions.loads(model.graph("visual").one) == 1


def test_the_other_layout_with_its_fixed_sizes(shelf: Shelf, tmp_path: Path, words: str) -> None:
    import_file(write_clip(tmp_path / "immich", layout="open-clip"), shelf, Description())
    model = shelf.get(Want(clip.ROLE))
    assert (model.card.family, model.card.batch) == ("open-clip", False)
    vectors = picture_vectors(model, [plain(GREEN), plain(BLUE)]) @ text_vectors(model, ["green", "blue"]).T
    assert vectors.argmax(axis=1).tolist() == [0, 1]
    report = lookhear.analyze(png(plain(BLUE)), ["tags"], {"tags": {"vocabulary": words}})
    assert report.errors == () and report["tags"].best == "blue"


@pytest.mark.parametrize("lacking", ["textual", "tokenizer"])
def test_pictures_alone_can_be_embedded(shelf: Shelf, tmp_path: Path, lacking: str) -> None:
    folder = write_clip(tmp_path / "half", **{lacking: False})
    model = Model(import_file(folder, shelf, Description()), shelf.sessions)
    assert picture_vectors(model, [plain(RED)]).shape == (1, WIDTH)
    with pytest.raises(InvalidModel, match="no text side"):
        text_vector(model, "red")
    report = lookhear.analyze(png(plain(RED)), ["embedding", "tags"])
    assert [error.code for error in report.errors] == ["invalid_model"] and len(report["embedding"].vector) == WIDTH


def test_a_picture_graph_alone_can_be_imported_as_a_file(shelf: Shelf, tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "half", textual=False)
    assert import_file(folder / "vision_model.onnx", shelf, Description()).card.family == "clip"


def test_what_cannot_be_told_apart_is_not_guessed(shelf: Shelf, tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "twice")
    (folder / "vision_model_quantized.onnx").write_bytes((folder / "vision_model.onnx").read_bytes())
    with pytest.raises(InvalidModel, match="cannot be told"):
        import_file(folder, shelf, Description())
    with pytest.raises(InvalidModel, match="one file each is needed for visual, textual"):
        import_file(folder, shelf, Description(family="clip"))
    other = visual(np.ones((3, 8), np.float32), "x", "y", 1)
    (tmp_path / "other.onnx").write_bytes(other.SerializeToString())
    with pytest.raises(InvalidModel, match="it has no input 'pixel_values', but x"):
        import_file(tmp_path / "other.onnx", shelf, Description(family="clip"))
    assert not shelf.store.all()


@pytest.mark.usefixtures("model")
def test_a_picture_as_a_vector() -> None:
    report = lookhear.analyze(png(plain(GREEN)), ["embedding"])
    vector = np.array(report["embedding"].vector)
    assert report.errors == () and vector.shape == (WIDTH,) and abs(np.linalg.norm(vector) - 1) < 1e-5
    assert vector[1] == max(vector) > 0.5 and report.findings[0].provenance.models[0].name == "small-clip"
    assert lookhear.from_json(lookhear.to_json(report)) == report


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((1, 3000, 3), 80, np.uint8),
        np.full((3000, 2, 3), 80, np.uint8),
        np.full((30, 40), 200, np.uint8),
        np.zeros((30, 40, 4), np.uint8),
        np.full((1500, 2100, 3), 9, np.uint8),
    ],
    ids=["one pixel", "very long", "very high", "grey", "transparent", "large"],
)
def test_pictures_that_are_hardly_any_have_vectors(pixels: np.ndarray, words: str) -> None:
    report = lookhear.analyze(png(pixels), ["embedding", "tags", "places"], {"tags": {"vocabulary": words}})
    assert report.errors == () and len(report["embedding"].vector) == WIDTH
    assert np.isfinite(report["embedding"].vector).all()


@pytest.mark.usefixtures("model")
def test_a_film_as_vectors() -> None:
    film = encode([plain(colour, (96, 64)) for colour in (RED, RED, BLUE) for _ in range(50)])
    found = lookhear.analyze(film, ["embedding"], {"embedding": {"seconds": 0.5}})["embedding"]
    assert [frame.time for frame in found.frames] == pytest.approx([0.5 * i for i in range(12)], abs=0.04)
    vectors = np.array([frame.vector for frame in found.frames])
    assert (
        vectors.shape == (12, WIDTH)
        and (vectors[:8].argmax(axis=1) == 0).all()
        and (vectors[8:].argmax(axis=1) == 2).all()
    )
    mean = vectors.mean(axis=0)
    assert np.abs(np.array(found.vector) - mean / np.linalg.norm(mean)).max() < 2e-6
    for options in ({"seconds": 10}, {"frame_interval": 75}, {"per_scene": True}):
        few = lookhear.analyze(film, ["embedding"], {"embedding": options})["embedding"]
        assert 1 <= len(few.frames) <= 2


@pytest.mark.usefixtures("model")
def test_the_label_that_fits_comes_first(words: str) -> None:
    report = lookhear.analyze(png(plain(RED)), ["tags"], {"tags": {"vocabulary": words, "min_score": 0}})
    result = report["tags"]
    assert report.errors == () and result.best == "red"
    assert result.tags[0].label == "red" and {tag.label for tag in result.tags} == {
        "red",
        "green",
        "blue",
    }
    assert {tag.label: tag.group for tag in result.tags} == {"red": "warm", "green": "cold", "blue": "cold"}
    assert sum(tag.score for tag in result.tags) == pytest.approx(1, abs=1e-3)
    assert result.tags[0].similarity > result.tags[1].similarity
    few = lookhear.analyze(png(plain(RED)), ["tags"], {"tags": {"vocabulary": words, "top_k": 1}})["tags"]
    assert len(few.tags) == 1
    assert lookhear.from_json(lookhear.to_json(report)) == report


@pytest.mark.usefixtures("model")
def test_tags_of_a_film(words: str) -> None:
    film = encode([plain(colour, (96, 64)) for colour in (RED, BLUE, BLUE) for _ in range(50)])
    result = lookhear.analyze(film, ["tags"], {"tags": {"vocabulary": words, "seconds": 0.5, "min_score": 0}})["tags"]
    assert result.frames_seen == 12 and result.best == "blue"
    found = {tag.label: tag for tag in result.tags}
    assert found["blue"].score == pytest.approx(2 / 3, abs=0.05) and found["red"].score == pytest.approx(
        1 / 3, abs=0.05
    )
    assert found["red"].time < 2 <= found["blue"].time and found["red"].peak > 0.9


def test_labels_are_worked_out_once_and_kept(model: Model, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from lookhear.models.clip import labels

    options = {"tags": {"vocabulary": words}}
    first = lookhear.analyze(png(plain(RED)), ["tags"], options)["tags"]
    (kept,) = model.cache.glob("labels-*.npy")
    worked_out = []
    keep = labels.text_vectors
    monkeypatch.setattr(labels, "text_vectors", lambda *given: worked_out.append(1) or keep(*given))
    assert lookhear.analyze(png(plain(RED)), ["tags"], options)["tags"] == first and not worked_out
    labels._kept.cache_clear()  # as another process
    assert lookhear.analyze(png(plain(RED)), ["tags"], options)["tags"] == first and not worked_out
    for damage in (b"", b"no table", kept.read_bytes()[:150]):
        labels._kept.cache_clear()
        kept.write_bytes(damage)
        assert lookhear.analyze(png(plain(RED)), ["tags"], options)["tags"] == first
        assert len(worked_out) == 7  # sentences
        worked_out.clear()
    labels._kept.cache_clear()
    kept.unlink()
    kept.parent.chmod(0o500)
    try:
        assert lookhear.analyze(png(plain(RED)), ["tags"], options)["tags"] == first
    finally:
        kept.parent.chmod(0o700)


def test_labels_that_were_interrupted_go_on(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from lookhear.models.clip import labels

    asked: list[list[str]] = []

    def stopped(model: Model, texts: list[str]) -> np.ndarray:
        asked.append(texts)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return text_vectors(model, texts)

    monkeypatch.setattr(labels, "text_vectors", stopped)
    templates = [f"{{}} {word}" for word in ("one", "two", "three", "four")]
    with pytest.raises(KeyboardInterrupt):
        label_vectors(model, ["red", "a long label in blue"], templates)
    found = label_vectors(model, ["red", "a long label in blue"], templates)
    assert [texts[0] for texts in asked] == ["red one", "red two", "red three", "red three", "red four"]
    each = [
        text_vectors(model, [f"red {word}", f"a long label in blue {word}"]) for word in ("one", "two", "three", "four")
    ]
    assert np.abs(found - unit(np.mean(each, axis=0))).max() < 1e-6
    assert len(list(model.cache.glob("*.npy"))) == 1


def test_another_vocabulary_is_another_question(model: Model, words: str, shelf: Shelf) -> None:
    def hashed() -> str:
        return make_plan("image", ["tags"], {"tags": {"vocabulary": words}}, shelf=shelf).steps[0].config_hash

    before = hashed()
    assert before == hashed()
    Path(words).write_text(WORDS + "yellow\n")
    assert before != hashed()


@pytest.mark.parametrize(
    "options, said",
    [
        ({"vocabulary": "/no/such/file"}, "cannot be read"),
        ({"vocabulary": "nothing"}, "everyday"),
        ({"top_k": 0}, "top_k"),
        ({"templates": ["a photo"]}, "no {} for the label"),
        ({"templates": []}, "template"),
        ({"min_score": 2}, "min_score"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict, said: str) -> None:
    with pytest.raises(InvalidOptions, match=said):
        lookhear.analyze(png(plain(RED)), ["tags"], {"tags": options})


@pytest.mark.parametrize("content", [b"", b"# only a group\n", b"\xff\xfe\x00", b"x" * 400])
def test_a_file_that_is_no_vocabulary_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(InvalidOptions, match="vocabulary"):
        lookhear.analyze(png(plain(RED)), ["tags"], {"tags": {"vocabulary": str(path)}})


def test_without_a_model_the_command_is_told(shelf: Shelf) -> None:
    report = lookhear.analyze(png(plain(RED)), ["embedding", "tags"])
    assert {error.code for error in report.errors} == {"model_missing"}
    assert all("lookhear models pull clip-vit-b32" in error.message for error in report.errors)
