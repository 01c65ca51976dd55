"""A short tune, composed and synthesised here: A minor, 112 BPM, 4/4, sixteen bars with drums, bass, chords and a melody."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 44100
BPM = 112.0
_BEAT = 60.0 / BPM
_CHORDS = ((57, 60, 64), (53, 57, 60), (50, 57, 65), (52, 56, 59))  # Am F Dm E
_MELODY = (  # (beat, MIDI pitch, beats) over four bars
    (0, 76, 1), (1, 74, 0.5), (1.5, 72, 1), (2.5, 71, 0.5), (3, 69, 1), (4, 72, 1.5), (5.5, 69, 0.5), (6, 65, 2),
    (8, 69, 1), (9, 74, 0.5), (9.5, 77, 1.5), (11, 74, 1), (12, 76, 1.5), (13.5, 71, 0.5), (14, 68, 1), (15, 71, 1),
)  # fmt: skip

Sound = NDArray[np.float32]


def compose(bars: int = 16) -> Sound:
    """(2, samples) at 44.1 kHz."""
    rng = np.random.default_rng(112)
    total = round((bars * 4 * _BEAT + 1.5) * RATE)
    track = np.zeros((2, total), np.float32)

    def play(beat: float, sound: Sound, pan: float = 0.0) -> None:
        at = round(beat * _BEAT * RATE)
        end = min(total, at + len(sound))
        track[0, at:end] += sound[: end - at] * (1 - pan) / 2
        track[1, at:end] += sound[: end - at] * (1 + pan) / 2

    for bar in range(bars - 1):
        chord, start = _CHORDS[bar % 4], bar * 4
        for beat in range(4):
            play(start + beat, _pluck(chord[0] - 24, 0.9, 0.5, 3))
            for i, pitch in enumerate(chord):
                play(start + beat + (0.5 if beat == 3 else 0), _pluck(pitch, 0.8, 0.16, 6), 0.5 * (i - 1))
        for beat in range(4):
            play(start + beat, _hat(rng, 0.3), 0.3)
            play(start + beat + 0.5, _hat(rng, 0.09), 0.3)
            if bar >= 2:
                play(start + beat, _kick() if beat % 2 == 0 else _snare(rng))
    for verse in range(1, bars // 4):
        for beat, pitch, length in _MELODY:
            play(verse * 16 + beat, _pluck(pitch, length, 0.34, 8), -0.2)
    for pitch in (45, 57, 60, 64, 69):
        play((bars - 1) * 4, _pluck(pitch, 4, 0.3, 6))
    room = 3e-4 * rng.standard_normal(track.shape)
    return np.asarray(0.85 * np.tanh(track) + room, np.float32)


def _pluck(pitch: int, beats: float, level: float, harmonics: int) -> Sound:
    """A decaying sum of harmonics with a soft start."""
    t = np.arange(round(max(beats, 0.3) * _BEAT * RATE)) / RATE
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    wave = sum(np.sin(2 * np.pi * k * frequency * t) * np.exp(-2.2 * k**0.7 * t) / k for k in range(1, harmonics + 1))
    fade = np.minimum(1, np.minimum(t / 0.004, (t[-1] - t) / 0.02))
    return np.asarray(level * wave * fade, np.float32)


def _kick() -> Sound:
    t = np.arange(round(0.22 * RATE)) / RATE
    return np.asarray(0.9 * np.sin(2 * np.pi * (45 * t + 3.0 * (1 - np.exp(-30 * t)))) * np.exp(-14 * t), np.float32)


def _snare(rng: np.random.Generator) -> Sound:
    t = np.arange(round(0.18 * RATE)) / RATE
    return np.asarray(
        (0.35 * rng.standard_normal(len(t)) + 0.3 * np.sin(2 * np.pi * 190 * t)) * np.exp(-22 * t), np.float32
    )


def _hat(rng: np.random.Generator, level: float) -> Sound:
    t = np.arange(round(0.05 * RATE)) / RATE
    return np.asarray(level * np.diff(rng.standard_normal(len(t) + 1)) * np.exp(-70 * t), np.float32)


def write(sound: Sound, path: Path, codec: str, sample_format: str, bit_rate: int | None = None, **tags: str) -> None:
    """Encode (channels, samples) as the suffix of ``path`` says."""
    with av.open(str(path), "w") as container:
        container.metadata.update(tags)
        stream = container.add_stream(codec, rate=RATE, layout="stereo", format=sample_format)
        if bit_rate:
            stream.bit_rate = bit_rate
        resampler = av.AudioResampler(sample_format, "stereo", RATE, frame_size=stream.frame_size or 4608)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), "fltp", "stereo")
        frame.sample_rate = RATE
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
