"""Face embeddings by an ArcFace network of true architecture and size with random weights, against PyTorch."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookhear
from lookhear.models.own import Description, import_file
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Shelf
from lookhear.tasks.image.face_embedding import aligned
from support.iresnet import iresnet50
from support.models import need

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The detector of faces that is here, and the network, by the way users import their own."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(need("image", "faces").store.folder, folder / "store")
    graph = folder / "arcface.onnx"
    with warnings.catch_warnings():  # the older exporter is that of published files
        warnings.simplefilter("ignore")
        torch.onnx.export(
            iresnet50(), torch.zeros(1, 3, 112, 112), graph, input_names=["input.1"], output_names=["features"],
            dynamic_axes={"input.1": {0: "n"}, "features": {0: "n"}}, dynamo=False,
        )  # fmt: skip
    import_file(graph, Shelf(ModelSettings(model_cache_dir=folder / "store")), Description(family="arcface"))
    return folder / "store"


def test_vectors_are_those_of_the_reference(store: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference: OpenCV turns the crop that least squares demand, PyTorch embeds it."""
    monkeypatch.setenv("MODEL_CACHE_DIR", str(store))
    model = iresnet50()
    for name in ("images/ski_astronaut.png", "faces/dlib/2008_002506.jpg"):
        report = lookhear.analyze(shared / name, ["face_embedding"])
        found = report["face_embedding"]
        assert report.errors == () and found.dimension == 512 and found.face_count == len(found.faces) >= 1
        pixels = np.asarray(Image.open(shared / name).convert("RGB"))
        crops = np.stack([aligned(pixels, np.array(face.landmarks, np.float32)) for face in found.faces])
        with torch.inference_mode():
            ready = torch.from_numpy((crops.transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 127.5)
            vectors = torch.nn.functional.normalize(model(ready)).numpy()
        ours = np.array([face.embedding for face in found.faces])
        assert np.abs(ours - vectors).max() < 1e-3
        assert np.linalg.norm(ours, axis=1) == pytest.approx(1, abs=1e-4)


def test_faces_are_turned_as_scikit_image_turns_them(shared: Path) -> None:
    """InsightFace aligns by scikit-image's SimilarityTransform."""
    transform = pytest.importorskip("skimage.transform")
    from lookhear.dsp.similarity_transform import similarity
    from lookhear.tasks.image.face_embedding import _TEMPLATE

    random = np.random.default_rng(3)
    for _ in range(20):
        points = _TEMPLATE * random.uniform(0.3, 9) + random.normal(0, 40, 2) + random.normal(0, 4, (5, 2))
        reference = transform.SimilarityTransform.from_estimate(points, _TEMPLATE)
        assert np.allclose(similarity(points, _TEMPLATE), reference.params[:2], atol=1e-9)
