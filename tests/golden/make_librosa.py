"""Make librosa.json anew: python tests/golden/make_librosa.py, in an environment with librosa (that of evals has it)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import librosa
import numpy as np

HERE = Path(__file__).parent


def main() -> None:
    """Means and spreads of every feature of the signal beside this file."""
    spec = importlib.util.spec_from_file_location("golden_sound", HERE / "sound.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    y, feature = module.music_like(), librosa.feature
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
    values = {
        name: {"mean": np.mean(rows, axis=1).tolist(), "std": np.std(rows, axis=1).tolist()}
        for name, rows in frames.items()
    }
    tuning = librosa.estimate_tuning(S=np.abs(librosa.stft(y)) ** 2, sr=22050, bins_per_octave=12)
    golden = {"librosa": librosa.__version__, "tuning": float(tuning), "frames": chroma.shape[1], "features": values}
    (HERE / "librosa.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
