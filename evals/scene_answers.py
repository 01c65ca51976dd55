"""Where Lookhear and PySceneDetect's detectors see transitions. A peer's answers are kept, since they never change."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

CACHE = Path(__file__).parent / ".cache" / "answers"
LEAST = 0.3  #: s, the least length of a scene, on all sides
Seen = list[int]  #: frames, counted from 0
Settings = tuple[float, ...]
#: settings tried for each detector, its default first
GRID: dict[str, list[Settings]] = {
    "ContentDetector": [(27.0,), *((float(t),) for t in (5, 7, 9, 11, 13, 15, 18, 21, 24, 30, 35))],
    "AdaptiveDetector": [
        (3.0, 15.0),
        *product((1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0), (2.0, 4.0, 6.0, 8.0, 10.0, 12.0)),
    ],
    "HistogramDetector": [(0.2,), *((t,) for t in (0.02, 0.05, 0.1, 0.15, 0.3, 0.4, 0.5))],
    "HashDetector": [(0.35,), *((t,) for t in (0.15, 0.2, 0.25, 0.3, 0.4, 0.45))],
    "ThresholdDetector": [(12.0,), *((float(t),) for t in (3, 5, 8, 16, 20, 30))],
}


def ours(path: Path) -> list[tuple[int, str]]:
    """Frame and kind of each transition, through the public API."""
    import lookhear

    found = lookhear.analyze(path, tasks=["scenes"], options={"scenes": {"min_scene_length": LEAST}})["scenes"]
    return [(cut.frame, cut.kind) for cut in found.cuts]


def theirs(path: Path) -> dict[str, dict[str, Seen]]:
    """What each detector finds with each setting, as JSON names it."""
    import xxhash

    digest = xxhash.xxh64(path.read_bytes() + json.dumps(GRID).encode()).hexdigest()
    kept = CACHE / f"scenedetect-{version('scenedetect')}-{digest}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(_detected(path)))
        fresh.replace(kept)
    return json.loads(kept.read_text())  # type: ignore[no-any-return]


def _detected(path: Path) -> dict[str, dict[str, Seen]]:
    """All settings on one decoding; frames as small as PySceneDetect makes them by default."""
    scores = _Scores()
    running = [(name, setting, _detector(name, setting, scores)) for name, tried in GRID.items() for setting in tried]
    times: list[float] = []
    cuts: list[list[float]] = [[] for _ in running]
    for position, picture in _frames(path):
        times.append(position.seconds)
        for (_, _, detector), found in zip(running, cuts, strict=True):
            found += [cut.seconds for cut in detector.process_frame(position, picture)]
    for (_, _, detector), found in zip(running, cuts, strict=True):
        found += [cut.seconds for cut in detector.post_process(position)]
    when = np.array(times)
    said: dict[str, dict[str, Seen]] = {}
    for (name, setting, _), found in zip(running, cuts, strict=True):
        said.setdefault(name, {})[json.dumps(setting)] = sorted({int(np.abs(when - at).argmin()) for at in found})
    return said


def _frames(path: Path) -> Iterator[tuple[Any, Any]]:
    import cv2
    from scenedetect import open_video
    from scenedetect.scene_manager import compute_downscale_factor

    video = open_video(str(path), backend="pyav")
    factor = compute_downscale_factor(max(video.frame_size))
    size = tuple(max(1, round(side / factor)) for side in video.frame_size)
    while (picture := video.read()) is not False:
        yield video.position, cv2.resize(picture, size) if factor > 1 else picture


class _Scores:
    """ContentDetector's score of the latest frame, worked out once for all thresholds."""

    def __init__(self) -> None:
        from scenedetect.detectors import ContentDetector

        self._of: Callable[[Any, Any], float] = ContentDetector()._calculate_frame_score
        self._latest: tuple[Any, float] = None, 0.0

    def __call__(self, position: Any, picture: Any) -> float:
        if self._latest[0] is not picture:
            self._latest = picture, self._of(position, picture)
        return self._latest[1]


def _detector(name: str, setting: Settings, scores: _Scores) -> Any:
    from scenedetect import detectors

    names = {"AdaptiveDetector": ("adaptive_threshold", "min_content_val")}.get(name, ("threshold",))
    made = getattr(detectors, name)(**dict(zip(names, setting, strict=True)), min_scene_len=LEAST)
    if hasattr(made, "_calculate_frame_score"):
        made._calculate_frame_score = scores
    return made
