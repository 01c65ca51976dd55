"""Encodes a recording: python -m benchmarks.encode FILE SECONDS. A process of its own: what it loads is not measured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import av

from benchmarks.media import CACHE, SHARED, SONGS
from examples.tune import compose, write

RATE = 44100


def encode(path: Path, seconds: float) -> None:
    """A 192 kbit/s stereo MP3 of so many seconds."""
    fresh = path.with_suffix(".new.mp3")
    with av.open(str(fresh), "w") as out:
        stream = out.add_stream("libmp3lame", rate=RATE, layout="stereo", format="fltp")
        stream.bit_rate = 192_000
        resampler = av.AudioResampler("fltp", "stereo", RATE, frame_size=1152)
        left = round(seconds * RATE)
        for frame in _frames(resampler):
            if left <= 0:
                break
            frame.pts = None
            out.mux(stream.encode(frame))
            left -= frame.samples
        out.mux(stream.encode(None))
    fresh.replace(path)


def _songs() -> list[Path]:
    if SHARED.exists():
        return [SHARED / song for song in SONGS]
    tune = CACHE / "tune.flac"
    write(compose(), tune, "flac", "s16")
    return [tune]


def _frames(resampler: av.AudioResampler) -> Iterator[av.AudioFrame]:
    songs = _songs()
    while True:
        for song in songs:
            with av.open(str(song)) as container:
                for frame in container.decode(audio=0):
                    frame.pts = None
                    yield from resampler.resample(frame)


if __name__ == "__main__":
    encode(Path(sys.argv[1]), float(sys.argv[2]))
