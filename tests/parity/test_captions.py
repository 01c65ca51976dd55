"""Captions against transformers called directly, on the true classes with seeded weights."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookhear
from lookhear.analysis.engine import analyze
from lookhear.errors import InvalidModel, InvalidOptions
from lookhear.models.golden import check as check_golden
from lookhear.models.own import Description, import_file
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Model, Shelf
from support import captions
from support.film import encode, texture

torch = pytest.importorskip("torch", reason="pip install 'lookhear[captions]'")
transformers = pytest.importorskip("transformers", reason="pip install 'lookhear[captions]'")

pytestmark = pytest.mark.filterwarnings("default")  # those of torch and transformers come and go
PICTURES = ["coral_cat_720p.jpg", "ski_camera.png", "mountains.jpg", "coral_parrot.jpg"]
TOKENS = 12
MAKERS = {"blip": captions.blip, "blip2": captions.blip2, "florence2": captions.florence2}
each_family = pytest.mark.parametrize("family", sorted(MAKERS))


@dataclasses.dataclass(frozen=True)
class Made:
    """A model as the hub would have it, and installed."""

    folder: Path
    shelf: Shelf
    model: Model

    def caption(self, source: Any, **options: Any) -> str | None:
        """By our task."""
        asked = {"max_new_tokens": TOKENS, **options}
        report = analyze(source, ["caption"], {"caption": asked}, shelf=self.shelf)
        assert report.errors == (), report.errors
        return report["caption"].caption  # type: ignore[no-any-return]

    def direct(self, picture: Image.Image, prompt: str | None = None, beams: int = 1) -> tuple[str, np.ndarray]:
        """By transformers alone: the text, and how well each word would begin it."""
        processor = _processor(self.folder)
        kind = getattr(transformers, json.loads((self.folder / "config.json").read_text())["architectures"][0])
        model = kind.from_pretrained(self.folder)
        inputs = processor(images=picture, **({"text": prompt} if prompt else {}), return_tensors="pt")
        how = {"do_sample": False, "return_dict_in_generate": True, "output_logits": True}
        with torch.inference_mode():
            out = model.generate(**inputs, max_new_tokens=TOKENS, num_beams=beams, **how)
            first = model.generate(**inputs, max_new_tokens=1, num_beams=1, **how).logits[0].numpy()
        return processor.decode(out.sequences[0], skip_special_tokens=True), first


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Made]]:
    """Each made once."""
    root, there = tmp_path_factory.mktemp("captions"), {}

    def get(family: str) -> Made:
        if family not in there:
            shelf = Shelf(ModelSettings(model_cache_dir=root / f"store-{family}", use_gpu=False))
            one = import_file(MAKERS[family](root / family), shelf, Description())
            there[family] = Made(root / family, shelf, Model(one, shelf.sessions))
        return there[family]

    yield get
    for one in there.values():
        one.shelf.sessions.close()


def default_prompt(family: str) -> str | None:
    return "<CAPTION>" if family == "florence2" else None


@each_family
@pytest.mark.parametrize("beams", [1, 3])
def test_our_words_are_those_of_transformers(
    family: str, beams: int, made: Callable[[str], Made], shared: Path
) -> None:
    one = made(family)
    ours = [one.caption(shared / "images" / name, num_beams=beams) for name in PICTURES]
    pictures = [Image.open(shared / "images" / name).convert("RGB") for name in PICTURES]
    theirs = [one.direct(picture, default_prompt(family), beams)[0].strip() for picture in pictures]
    assert ours == theirs
    assert len(set(theirs)) > 1  # else the picture would not matter


@each_family
def test_our_scores_are_those_of_transformers(family: str, made: Callable[[str], Made], shared: Path) -> None:
    one = made(family)
    for name in PICTURES:
        picture = Image.open(shared / "images" / name).convert("RGB")
        with one.model.use() as captioner:
            ours = captioner.first_scores(captioner.feeds([np.asarray(picture)]))
        theirs = one.direct(picture, default_prompt(family))[1]
        assert np.abs(ours - theirs).max() <= 1e-3 * theirs.std()


@pytest.mark.parametrize(
    ("family", "prompt"), [("blip", "a photograph of"), ("blip2", "Question: how many dogs are there? Answer:")]
)
def test_a_prompt_is_gone_on_from_and_not_repeated(
    family: str, prompt: str, made: Callable[[str], Made], shared: Path
) -> None:
    one, path = made(family), shared / "images" / PICTURES[0]
    ours = one.caption(path, prompt=prompt, num_beams=1)
    theirs, _ = one.direct(Image.open(path).convert("RGB"), prompt)
    assert theirs.strip() == f"{prompt} {ours}" or theirs.strip() == f"{prompt}{ours}"
    assert ours != one.caption(path, num_beams=1)


def test_the_picture_counts_beside_a_prompt_whatever_the_folder_says(
    tmp_path: Path, made: Callable[[str], Made], shared: Path
) -> None:
    """Without the file that says for how many tokens it stands, transformers would not look at it."""
    folder, shelf = _copied(made("blip2"), tmp_path)
    (folder / "processor_config.json").unlink()
    bare = Made(folder, shelf, Model(import_file(folder, shelf, Description()), shelf.sessions))
    asked = {"prompt": "Question: how many dogs are there? Answer:", "num_beams": 1}
    answers = [bare.caption(shared / "images" / name, **asked) for name in PICTURES]
    assert answers == [made("blip2").caption(shared / "images" / name, **asked) for name in PICTURES]
    assert len(set(answers)) > 1


def test_a_prompt_that_the_model_does_not_take_is_an_option_that_is_wrong(made: Callable[[str], Made]) -> None:
    with made("florence2").model.use() as captioner, pytest.raises(InvalidOptions, match="<CAPTION> of a dog"):
        captioner.write([texture()], "<CAPTION> of a dog", max_new_tokens=2)


@each_family
def test_a_batch_of_n_is_n_batches_of_one(family: str, made: Callable[[str], Made], shared: Path) -> None:
    pictures = [np.asarray(Image.open(shared / "images" / name).convert("RGB")) for name in PICTURES]
    with made(family).model.use() as captioner:
        together = captioner.write(pictures, max_new_tokens=TOKENS)
        assert together == [captioner.write([picture], max_new_tokens=TOKENS)[0] for picture in pictures]
        captioner.most, most = 3, captioner.most
        assert together == captioner.write(pictures, max_new_tokens=TOKENS)
        captioner.most = most


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (1500, 3)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_pictures_of_any_kind(shape: tuple[int, int], mode: str, made: Callable[[str], Made], tmp_path: Path) -> None:
    """Also blank ones: what the model says of them, not what we would."""
    one, path = made("blip"), tmp_path / "picture.png"
    Image.new("RGB", shape, (200, 30, 90)).convert(mode).save(path)
    seen = Image.open(path).convert("RGB")
    assert one.caption(path, num_beams=1) == one.direct(seen)[0].strip()


def test_what_one_sees_through_lies_on_white(made: Callable[[str], Made], tmp_path: Path) -> None:
    one, path = made("blip"), tmp_path / "picture.png"
    Image.new("RGBA", (50, 40), (255, 0, 0, 0)).save(path)
    assert one.caption(path, num_beams=1) == one.direct(Image.new("RGB", (50, 40), "white"))[0].strip()


def test_callers_at_the_same_time_load_once_and_share_runs(made: Callable[[str], Made], shared: Path) -> None:
    one = made("blip")
    pictures = [np.asarray(Image.open(shared / "images" / name).convert("RGB")) for name in PICTURES] * 4
    with one.model.use() as captioner:
        expected = [captioner.write([picture], max_new_tokens=TOKENS)[0] for picture in pictures]
    one.shelf.sessions.unload()
    assert _together(one, pictures) == expected
    assert one.shelf.sessions.loads(one.model.one) == 1
    rows: list[int] = []
    with one.model.use() as captioner:
        hook = captioner.model.vision_model.register_forward_hook(lambda model, given, out: rows.append(len(out[0])))
        assert _together(one, pictures) == expected
        hook.remove()
    assert sum(rows) == len(pictures) and len(rows) < len(pictures) and max(rows) <= captioner.most


def _together(one: Made, pictures: list[np.ndarray]) -> list[str]:
    """A thread for each."""
    answers: dict[int, str] = {}

    def ask(place: int) -> None:
        with one.model.use() as captioner:
            answers[place] = captioner.write([pictures[place]], max_new_tokens=TOKENS)[0]

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[place] for place in range(len(pictures))]


def test_a_film_has_a_sentence_for_each_scene(made: Callable[[str], Made], shared: Path) -> None:
    one = made("blip")
    shots = [
        np.asarray(Image.open(shared / "images" / name).convert("RGB").resize((320, 180))) for name in PICTURES[:3]
    ]
    film = encode([shot for shot in shots for _ in range(40)])
    report = analyze(film, ["caption", "scenes"], {"caption": {"max_new_tokens": TOKENS}}, shelf=one.shelf)
    assert report.errors == ()
    found, scenes = report["caption"], report["scenes"].scenes
    assert [(said.start, said.end, said.frame) for said in found.captions] == [
        (scene.start, scene.end, scene.key_frame) for scene in scenes
    ]
    assert len(scenes) == 3 and found.frames_seen == 3 and found.caption == found.captions[0].caption
    assert len({said.caption for said in found.captions}) > 1
    assert lookhear.from_json(lookhear.to_json(report)) == report


def test_frames_that_say_the_same_are_one_stretch(made: Callable[[str], Made]) -> None:
    one = made("blip")
    film = encode([frame for seed in (1, 2) for frame in [texture(seed=seed)] * 50])
    asked = {"max_new_tokens": TOKENS, "per_scene": False, "seconds": 0.5}
    report = analyze(film, ["caption"], {"caption": asked}, shelf=one.shelf)
    found = report["caption"]
    assert found.frames_seen == 8
    assert [(said.start, said.end, said.frame) for said in found.captions] == [(0.0, 2.0, 0), (2.0, 4.0, 50)]


@each_family
@pytest.mark.parametrize(("precision", "told"), [("float16", "bfloat16"), ("int8", "float32")])
def test_less_precision_says_nearly_the_same(
    family: str, precision: Any, told: str, made: Callable[[str], Made]
) -> None:
    one = made(family)
    shelf = Shelf(dataclasses.replace(one.shelf.settings, model_precision=precision))
    pictures = [texture(seed=seed) for seed in range(3)]
    with one.model.use() as captioner, Model(one.model.one, shelf.sessions).use() as coarse:
        assert coarse.precision == told
        whole, near = (some.first_scores(some.feeds(pictures)) for some in (captioner, coarse))
        assert len(coarse.write(pictures, max_new_tokens=3)) == 3
    for a, b in zip(whole - whole.mean(), near - near.mean(), strict=True):
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= 0.99
    assert not np.array_equal(whole, near)
    shelf.sessions.close()


@each_family
def test_answers_are_kept_and_compared(family: str, made: Callable[[str], Made]) -> None:
    one = made(family)
    assert "kept" in check_golden(one.model.one, one.shelf)
    assert "first seen here" in check_golden(one.model.one, one.shelf)


def test_weights_in_several_files(tmp_path: Path) -> None:
    folder = captions.blip2(tmp_path / "blip2", shards=True)
    shelf = Shelf(ModelSettings(model_cache_dir=tmp_path / "store", use_gpu=False))
    one = import_file(folder, shelf, Description())
    assert sum(file.name.endswith(".safetensors") for file in one.card.kept) > 1
    whole = Made(folder, shelf, Model(one, shelf.sessions))
    picture = Image.fromarray(texture())
    with whole.model.use() as captioner:
        ours = captioner.first_scores(captioner.feeds([texture()]))
    assert np.abs(ours - whole.direct(picture)[1]).max() <= 1e-3
    shelf.sessions.close()


def test_what_the_processor_saves_itself_is_read(tmp_path: Path, made: Callable[[str], Made]) -> None:
    """Newer folders hold what is to be known of pictures beside the rest."""
    old = made("blip2").folder
    new = tmp_path / "new"
    transformers.Blip2ForConditionalGeneration.from_pretrained(old).save_pretrained(new)
    _processor(old).save_pretrained(new)
    assert not (new / "preprocessor_config.json").exists()
    shelf = Shelf(ModelSettings(model_cache_dir=tmp_path / "store", use_gpu=False))
    model = Model(import_file(new, shelf, Description()), shelf.sessions)
    with model.use() as captioner, made("blip2").model.use() as before:
        assert captioner.write([texture()], max_new_tokens=5) == before.write([texture()], max_new_tokens=5)
    shelf.sessions.close()


def test_weights_that_are_missing_are_not_made_up(tmp_path: Path, made: Callable[[str], Made]) -> None:
    from safetensors.torch import load_file, save_file

    folder, shelf = _copied(made("blip"), tmp_path)
    weights = load_file(folder / "model.safetensors")
    gone = "vision_model.encoder.layers.1.mlp.fc1.weight"
    del weights[gone]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    model = Model(import_file(folder, shelf, Description()), shelf.sessions)
    with pytest.raises(InvalidModel, match=f"lacks 1 of its weights, as '{gone}'"), model.use():
        pass


def test_weights_of_another_size_are_refused(tmp_path: Path, made: Callable[[str], Made]) -> None:
    folder, shelf = _copied(made("blip"), tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["intermediate_size"] = 256
    (folder / "config.json").write_text(json.dumps(config))
    model = Model(import_file(folder, shelf, Description()), shelf.sessions)
    with pytest.raises(InvalidModel, match="cannot be loaded"), model.use():
        pass


def test_a_tokenizer_that_does_not_know_the_place_of_the_picture_is_refused(
    tmp_path: Path, made: Callable[[str], Made]
) -> None:
    """With it, prompts would be answered without a look at the picture."""
    folder, shelf = _copied(made("blip2"), tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["image_token_index"] -= 1
    (folder / "config.json").write_text(json.dumps(config))
    model = Model(import_file(folder, shelf, Description()), shelf.sessions)
    with pytest.raises(InvalidModel, match="where the picture goes"), model.use():
        pass


def test_code_beside_the_weights_is_neither_kept_nor_run(tmp_path: Path, made: Callable[[str], Made]) -> None:
    folder, shelf = _copied(made("blip"), tmp_path)
    mark = tmp_path / "ran"
    (folder / "modeling_own.py").write_text(f"open({str(mark)!r}, 'w')\nclass Own: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "modeling_own.Own", "AutoProcessor": "modeling_own.Own"}
    (folder / "config.json").write_text(json.dumps(config))
    model = Model(import_file(folder, shelf, Description()), shelf.sessions)
    assert "modeling_own.py" not in {file.name for file in model.card.files}
    with model.use() as captioner:
        assert captioner.write([texture()], max_new_tokens=2)
    assert not mark.exists()


def test_an_unloaded_model_is_gone(made: Callable[[str], Made]) -> None:
    import gc
    import weakref

    one = made("blip")
    with one.model.use() as captioner:
        inner = weakref.ref(captioner.model)
    del captioner
    one.shelf.sessions.unload()
    gc.collect()
    assert inner() is None


def test_blip_base_of_its_true_size(tmp_path: Path) -> None:
    folder = captions.blip(tmp_path / "base", true_size=True)
    shelf = Shelf(ModelSettings(model_cache_dir=tmp_path / "store", use_gpu=False))
    one = Made(folder, shelf, Model(import_file(folder, shelf, Description()), shelf.sessions))
    with one.model.use() as captioner:
        assert sum(weights.numel() for weights in captioner.model.parameters()) == 223_971_644
        ours = captioner.first_scores(captioner.feeds([texture()]))
        text = captioner.write([texture()], max_new_tokens=TOKENS, num_beams=1)[0]
    theirs = one.direct(Image.fromarray(texture()))
    assert np.abs(ours - theirs[1]).max() <= 1e-3 * theirs[1].std()
    assert text == theirs[0].strip()
    shelf.sessions.close()


def _processor(folder: Path) -> Any:
    """As transformers picks it; some versions of it cannot without torchvision."""
    try:
        return transformers.AutoProcessor.from_pretrained(folder)
    except ImportError:
        family = type(transformers.AutoConfig.from_pretrained(folder)).__name__.removesuffix("Config")
        pictures = "CLIPImageProcessorPil" if family == "Florence2" else "BlipImageProcessorPil"
        parts = (getattr(transformers, pictures), transformers.AutoTokenizer)
        made = getattr(transformers, f"{family}Processor")(*(part.from_pretrained(folder) for part in parts))
        if family == "Blip2":
            made.num_query_tokens = transformers.AutoConfig.from_pretrained(folder).num_query_tokens
        return made


def _copied(one: Made, tmp_path: Path) -> tuple[Path, Shelf]:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(one.folder, folder)
    return folder, Shelf(ModelSettings(model_cache_dir=tmp_path / "store", use_gpu=False))
