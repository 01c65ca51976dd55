"""Spectral means against librosa, and loudness against FFmpeg's ebur128, on lossless clips and real recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from evals.music.render import rendered
from evals.real import SHARED
from evals.tables import markdown

_REAL = (
    "music/orchestra.wav",
    "music/singing-female.wav",
    "speech/jfk.flac",
    "music/loop_amen_full.flac",
    "music/rain.wav",
)
_SAMPLES = """"Same samples": librosa is given the samples that Lookhear resampled, so only the features differ.
"librosa.load": librosa reads the file and resamples it itself (soxr_hq).
"""


def table() -> str:
    """Largest relative difference of the means, per feature: feature code alone, and with each one's own resampler."""
    paths = rendered("report")[::10] + [SHARED / name for name in _REAL if (SHARED / name).exists()]
    rows: dict[str, dict[str, object]] = {}
    differences: dict[tuple[str, str], list[float]] = {}
    for path in paths:
        given = _ours(path)
        for column, reference in (
            ("same samples", _librosa(_our_samples(path))),
            ("librosa.load", _librosa_load(path)),
        ):
            for name, values in reference.items():
                differences.setdefault((name, column), []).append(_difference(given[name], values))
    for (name, column), values in differences.items():
        row = rows.setdefault(name, {})
        row[f"{column}: median"], row[f"{column}: largest"] = float(np.median(values)), max(values)
        if column == "same samples":
            row["largest in"] = paths[int(np.argmax(values))].name
    columns = [f"{column}: {which}" for column in ("same samples", "librosa.load") for which in ("median", "largest")]
    spectral = markdown(
        f"Spectral means: relative difference from librosa 0.11 over {len(paths)} recordings",
        [*columns, "largest in"],
        rows,
    )
    return "\n".join([spectral, _SAMPLES, _loudness(paths)])


def _ours(path: Path) -> dict[str, Any]:
    import lookhear

    value = lookhear.analyze(path, tasks=["spectral"])["spectral"]
    return {name: np.atleast_1d(getattr(value, name)) for name in _FEATURES}


_FEATURES = (
    "spectral_centroid", "spectral_rolloff", "spectral_bandwidth", "spectral_contrast", "spectral_flatness",
    "zero_crossing_rate", "mfcc", "chroma", "tonnetz",
)  # fmt: skip


def _our_samples(path: Path) -> np.ndarray:
    from lookhear.media.decoder import Decoder
    from lookhear.media.forms import Form
    from lookhear.media.medium import open_medium

    with open_medium(path) as medium:
        return np.concatenate([s.data for _, s in Decoder(medium, frozenset({Form.MONO_22K}))])


def _librosa_load(path: Path) -> dict[str, np.ndarray]:
    import librosa

    return _librosa(librosa.load(path)[0])


def _librosa(y: np.ndarray) -> dict[str, np.ndarray]:
    import librosa

    feature = librosa.feature
    chroma = feature.chroma_stft(y=y)
    frames = {
        "spectral_centroid": feature.spectral_centroid(y=y),
        "spectral_rolloff": feature.spectral_rolloff(y=y),
        "spectral_bandwidth": feature.spectral_bandwidth(y=y),
        "spectral_contrast": feature.spectral_contrast(y=y),
        "spectral_flatness": feature.spectral_flatness(y=y),
        "zero_crossing_rate": feature.zero_crossing_rate(y=y),
        "mfcc": feature.mfcc(y=y, n_mfcc=13),
        "chroma": chroma,
        "tonnetz": feature.tonnetz(chroma=chroma),
    }
    return {name: values.mean(axis=1) for name, values in frames.items()}


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference of any entry, relative to the value, or for vectors to the vector's length."""
    return float(np.abs(ours - theirs).max() / (np.linalg.norm(theirs) + 1e-12))


def _loudness(paths: list[Path]) -> str:
    import lookhear

    integrated, spread = [], []
    for path in paths:
        ours = lookhear.analyze(path, tasks=["perceptual"])["perceptual"]
        theirs = _ebur128(path)
        if ours.loudness is not None:
            integrated.append(abs(ours.loudness - theirs["I"]))
            if ours.loudness_range is not None:
                spread.append(abs(ours.loudness_range - theirs["LRA"]))
    rows = {
        "integrated loudness, LU": {"median": float(np.median(integrated)), "largest": max(integrated)},
        "loudness range, LU": {"median": float(np.median(spread)), "largest": max(spread)},
    }
    return markdown("Loudness: difference from FFmpeg's ebur128", ["median", "largest"], rows)


def _ebur128(path: Path) -> dict[str, float]:
    import av

    values: dict[str, float] = {}
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        graph = av.filter.Graph()
        chain = [graph.add_abuffer(template=stream), graph.add("ebur128", "metadata=1"), graph.add("abuffersink")]
        graph.link_nodes(*chain).configure()
        frames = [*container.decode(stream), None]
        for frame in frames:
            graph.push(frame)
            while True:
                try:
                    metadata = graph.pull().metadata
                except (av.BlockingIOError, av.EOFError):
                    break
                for name in ("I", "LRA"):
                    if f"lavfi.r128.{name}" in metadata:
                        values[name] = float(metadata[f"lavfi.r128.{name}"])
    return values
