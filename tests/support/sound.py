"""Sound made and encoded in memory."""

from __future__ import annotations

import io

import av
import numpy as np
from numpy.typing import NDArray


def tone(seconds: float, rate: int = 44100, frequency: float = 440.0, channels: int = 1) -> NDArray[np.float32]:
    """(channels, samples), half of full scale."""
    t = np.arange(round(seconds * rate)) / rate
    return np.tile((0.5 * np.sin(2 * np.pi * frequency * t)).astype(np.float32), (channels, 1))


def encode(
    sound: NDArray[np.float32],
    container: str = "wav",
    codec: str = "pcm_s16le",
    sample_format: str = "s16",
    rate: int = 44100,
    layout: str | None = None,
    options: dict[str, str] | None = None,
    **metadata: str,
) -> bytes:
    """(channels, samples) as the bytes of a file."""
    layout = layout or {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[len(sound)]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options=options or {}) as out:
        out.metadata.update(metadata)
        stream = out.add_stream(codec, rate=rate, layout=layout, format=sample_format)
        _mux(out, stream, sound, sample_format, layout, rate)
    return buffer.getvalue()


def two_tracks(first: NDArray[np.float32], second: NDArray[np.float32], rate: int = 44100) -> bytes:
    """Matroska with two tracks."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        streams = [out.add_stream("pcm_s16le", rate=rate, layout="mono", format="s16") for _ in range(2)]
        for stream, sound in zip(streams, (first, second), strict=True):
            _mux(out, stream, sound, "s16", "mono", rate)
    return buffer.getvalue()


def film(sound: NDArray[np.float32], rate: int = 44100) -> bytes:
    """MP4 with grey frames and an AAC track."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        video = out.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = out.add_stream("aac", rate=rate, layout="mono", format="fltp")
        for i in range(round(10 * sound.shape[1] / rate)):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), i % 256, np.uint8), "rgb24")
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        _mux(out, audio, sound, "fltp", "mono", rate)
    return buffer.getvalue()


def _mux(out, stream, sound, sample_format: str, layout: str, rate: int) -> None:  # type: ignore[no-untyped-def]
    resampler = av.AudioResampler(sample_format, layout, rate, frame_size=stream.frame_size or 4608)
    packed = np.ascontiguousarray(sound.T, np.float32).reshape(1, -1)  # PyAV trips over eight planes
    frame = av.AudioFrame.from_ndarray(packed, "flt", layout)
    frame.sample_rate = rate
    for piece in (*resampler.resample(frame), *resampler.resample(None)):
        out.mux(stream.encode(piece))
    out.mux(stream.encode(None))
