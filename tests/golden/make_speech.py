"""Make speech.json anew: python tests/golden/make_speech.py MEDIA, in an environment with Lookhear and faster-whisper 1.2.1.

What faster-whisper makes of the same 16 kHz samples, with the weights it brings and Silero's own defaults.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper.vad import get_speech_timestamps, get_vad_model

from lookhear.media.decoder import Decoder
from lookhear.media.forms import Form
from lookhear.media.medium import open_medium

HERE = Path(__file__).parent
EVERY = 10  # probabilities kept
DEFAULTS = {"threshold": 0.5, "min_speech_duration_ms": 250, "min_silence_duration_ms": 100, "speech_pad_ms": 30}
RECORDINGS = (
    "speech/116-288045-0000.flac", "speech/42-Human-Vocal-Voice-taxi-1_edit.wav", "speech/arctic_a0024.wav",
    "speech/chinese.flac", "speech/english.wav", "speech/french.aiff", "speech/jfk.wav", "speech/libri1.hq.ogg",
    "speech/speech-male.wav", "speech/stereo_diarization.wav", "music/fishin.hq.ogg", "music/violin-B3.wav",
    "music/pydub_party.mp3", "music/vocadito_10.wav", "music/brahms.hq.ogg", "music/rain.wav",
)  # fmt: skip


def samples(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """As our tasks hear it."""
    with open_medium(str(path)) as medium:
        parts = [item[1].data for item in Decoder(medium, frozenset({Form.MONO_16K})) if isinstance(item, tuple)]
    return np.concatenate(parts)


def main(media: str) -> None:
    """Segments in samples, and every tenth probability."""
    found = {}
    for name in RECORDINGS:
        sound = samples(Path(media) / name)
        probabilities = get_vad_model()(np.pad(sound, (0, 512 - len(sound) % 512)))
        segments = [[one["start"], one["end"]] for one in get_speech_timestamps(sound.copy(), **DEFAULTS)]
        kept = [round(float(value), 5) for value in probabilities[:-1:EVERY]]
        found[name] = {"samples": len(sound), "segments": segments, "probabilities": kept}
    golden = {"faster-whisper": version("faster-whisper"), "every": EVERY, "recordings": found}
    (HERE / "speech.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
