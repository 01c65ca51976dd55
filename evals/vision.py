"""Faces and objects on labelled pictures and films, by each model that is here, beside OpenCV's detectors of faces.

A face is found if a box overlaps its labelled one by more than 0.4 (intersection over union: the labels are squares, ours
fit faces); one that overlaps none is false. Pictures that are said to hold so many faces count, too. Objects: the pictures
say which kinds are shown, not where, and name the main thing only: recall is of these kinds; what else is said is listed, to
be judged by eye. Models are pulled into a store of their own; MODEL_MIRROR says where from (default: the shared folder).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import lookhear
from evals.tables import markdown
from lookhear.dsp.boxes import iou
from lookhear.errors import ModelUnavailable
from lookhear.models.install import pull
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Shelf

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("LOOKHEAR_SHARED", HERE.parents[1] / "shared"))
FACES = ("yunet", "yunet@2023mar", "ultraface", "scrfd-500m", "scrfd-10g")
OBJECTS = ("yolox-nano", "yolox-tiny", "yolox-s", "dfine-n", "dfine-s", "fastestdet")
_OVERLAP = 0.4
Boxes = np.ndarray
Find = Callable[[Path], Boxes]


def models(names: tuple[str, ...]) -> list[str]:
    """Those that can be had."""
    os.environ["MODEL_CACHE_DIR"] = str(HERE / ".cache" / "models")
    mirror = os.environ.setdefault("MODEL_MIRROR", str(SHARED / "models"))
    shelf = Shelf(ModelSettings(model_cache_dir=HERE / ".cache" / "models", model_mirror=mirror))
    there = []
    for name in names:
        try:
            pull(shelf.catalogue.find(name), shelf.store, mirror)
            there.append(name)
        except ModelUnavailable:
            continue
    return there


def table() -> str:
    """Both tables."""
    media = SHARED / "media"
    if not media.exists():
        return "## Faces and objects\n\nThe pictures are not here: set LOOKHEAR_SHARED to the folder that holds them.\n"
    truth = json.loads((media / "GROUND_TRUTH.json").read_text())
    return f"{_faces(truth, media)}\n{_objects(truth, media)}"


def _faces(truth: dict[str, Any], media: Path) -> str:
    boxes = {name: _corners(facts["boxes_xywh"]) for name, facts in truth.items() if "boxes_xywh" in facts}
    counts = {
        name: facts["faces"]
        for name, facts in truth.items()
        if isinstance(facts.get("faces"), int) and name not in boxes
    }
    none = [
        name
        for name, facts in truth.items()
        if name.startswith("images/") and "person" not in str(facts) and "faces" not in facts
    ]
    none = [name for name in none if "exif" not in name]
    systems: dict[str, Find] = {model: _ours(model) for model in models(FACES)}
    systems |= _opencv()
    rows = {}
    for system, find in systems.items():
        find(media / next(iter(boxes)))  # loaded before the clock runs
        began = time.perf_counter()
        hits = missed = false = right = 0
        for name, expected in boxes.items():
            pairs = iou(expected, find(media / name)) > _OVERLAP
            hits += int(pairs.any(axis=1).sum())
            missed += int((~pairs.any(axis=1)).sum())
            false += int((~pairs.any(axis=0)).sum())
        right = sum(len(find(media / name)) == count for name, count in counts.items())
        wrong = sum(len(find(media / name)) for name in none)
        took = (time.perf_counter() - began) / (len(boxes) + len(counts) + len(none))
        rows[system] = {
            "precision": hits / max(1, hits + false),
            "recall": hits / (hits + missed),
            "found of": f"{hits} / {hits + missed}",
            "false": false,
            "right count": f"{right} / {len(counts)}",
            "in pictures without": wrong,
            "ms": f"{1000 * took:.0f}",
        }
    title = (
        f"Faces: {sum(map(len, boxes.values()))} labelled in {len(boxes)} photographs, {len(none)} pictures without any"
    )
    return markdown(
        title, ["precision", "recall", "found of", "false", "right count", "in pictures without", "ms"], rows
    )


def _ours(model: str) -> Find:
    def find(path: Path) -> Boxes:
        found = lookhear.analyze(path, ["faces"], {"faces": {"model": model}})["faces"].faces
        return _corners([[face.bbox.x, face.bbox.y, face.bbox.width, face.bbox.height] for face in found])

    return find


def _opencv() -> dict[str, Find]:
    """OpenCV's own: the same YuNet by its FaceDetectorYN, and the classic cascade."""
    import cv2

    found: dict[str, Find] = {}
    weights = SHARED / "models" / "yunet_n_320_320.onnx"
    if weights.exists():
        network = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), 0.7, 0.3, 1000)

        def by_network(path: Path) -> Boxes:
            picture = cv2.imread(str(path))
            height, width = picture.shape[:2]
            scale = 320 / max(height, width)
            small = cv2.copyMakeBorder(
                cv2.resize(picture, (round(width * scale), round(height * scale))), 0, 320 - round(height * scale), 0,
                320 - round(width * scale), cv2.BORDER_CONSTANT,
            )  # fmt: skip
            faces = network.detect(small)[1]
            return _corners([] if faces is None else faces[:, :4] / scale)

        found["OpenCV FaceDetectorYN (YuNet, 320)"] = by_network
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")

    def by_cascade(path: Path) -> Boxes:
        faces = cascade.detectMultiScale(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        return _corners(np.array(faces, np.float32).reshape(-1, 4))

    return {**found, "OpenCV cascade": by_cascade}


def _corners(boxes: Any) -> Boxes:
    found = np.array(boxes, np.float32).reshape(-1, 4)
    found[:, 2:] += found[:, :2]
    return found


def _objects(truth: dict[str, Any], media: Path) -> str:
    labelled = {name: set(facts["objects"]) for name, facts in truth.items() if "objects" in facts}
    pictures = {name: kinds for name, kinds in labelled.items() if name.startswith("images/")}
    there = models(OBJECTS)
    rows: dict[str, dict[str, object]] = {}
    for name, kinds in labelled.items():
        rows[name] = {"shown": ", ".join(sorted(kinds - {"face"}))}
        for model in there:
            found = lookhear.analyze(media / name, ["objects"], {"objects": {"model": model}})["objects"].labels
            rows[name][model] = ", ".join(f"{label} {count}" for label, count in found.items())
            for key, names in (("pictures", pictures), ("films", labelled.keys() - pictures)):
                if name in names:
                    tally = rows.setdefault(f"kinds found in {key}", {})
                    hits, of = tally.get(model, (0, 0))  # type: ignore[misc]
                    wanted = kinds - {"face"}
                    tally[model] = (hits + len(wanted & set(found)), of + len(wanted))  # type: ignore[has-type]
    for key in ("kinds found in pictures", "kinds found in films"):
        rows[key] = {model: f"{hits} / {of}" for model, (hits, of) in rows.pop(key).items()}  # type: ignore[misc]
    return markdown("Objects: what is said of labelled pictures and films", ["shown", *there], rows)
