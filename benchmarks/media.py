"""What the programs are timed on: real recordings, cut and joined to length and encoded as people keep them.

Where there are none, the tune of the examples stands in, and the results say so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
SHARED = Path(os.environ.get("LOOKHEAR_SHARED", HERE.parents[1] / "shared")) / "media" / "music"
SONGS = ("fishin.hq.ogg", "vibeace.hq.ogg", "brahms.hq.ogg")  #: a song with vocals, a vibraphone piece, an orchestra


def source() -> str:
    """What the recordings are made of."""
    return f"real recordings ({', '.join(SONGS)})" if SHARED.exists() else "a synthetic tune (set LOOKHEAR_SHARED)"


def recording(name: str, seconds: float) -> Path:
    """A 192 kbit/s stereo MP3 of so many seconds."""
    path = CACHE / f"{name}{'' if SHARED.exists() else '-tune'}.mp3"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.encode", str(path), str(seconds)]
        subprocess.run(command, check=True, cwd=HERE.parent)
    return path


def long_recording(hours: float, minutes4: Path) -> Path:
    """The four minutes again and again, as one MP3: frames of MP3 can be laid end to end."""
    path = CACHE / f"{hours:g}h.mp3"
    if not path.exists():
        data = minutes4.read_bytes()
        with path.open("wb") as out:
            for _ in range(round(hours * 15)):
                out.write(data)
    return path


def album(clip: Path, files: int) -> Path:
    """A folder of so many copies of one clip."""
    folder = CACHE / "album"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for number in range(files):
        (folder / f"{number:02d}.mp3").write_bytes(clip.read_bytes())
    return folder
