"""The command that writes down what is said, as far as it goes without a model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.sound import encode, tone

LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))


def transcribe(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LOOKHEAR, "transcribe", *arguments], capture_output=True, text=True, timeout=120)


@pytest.fixture
def sound(tmp_path: Path) -> str:
    path = tmp_path / "tone.wav"
    path.write_bytes(encode(tone(1)))
    return str(path)


def test_without_a_model_the_command_that_gets_one_is_told(sound: str) -> None:
    done = transcribe(sound)
    assert done.returncode == 4 and "lookhear models pull whisper-small" in done.stderr
    done = transcribe(sound, "--model", "turbo")
    assert done.returncode == 4 and "lookhear models pull whisper-large-v3-turbo" in done.stderr


def test_wrong_words_are_told(sound: str, tmp_path: Path) -> None:
    mine = tmp_path / "corrected.srt"
    mine.write_text("1\n00:00:00,000 --> 00:00:01,000\nas I heard it\n")
    for arguments, said in (
        (("--srt", "--vtt"), "Choose one: --srt, --vtt"),
        (("--out", "said.doc"), "ends in none of .txt, .srt, .vtt, .tsv, .json"),
        (("--out", str(mine)), "there already. Say --force"),
        (("--language", "klingon"), "there is no language 'klingon'"),
        (("--model", "yunet"), "is for faces, not for transcript"),
        (("-O", "transcript.beam_size=0"), "beam_size"),
        (("-O", "transcript.loud=1"), "no option 'loud'"),
    ):
        done = transcribe(sound, *arguments)
        assert done.returncode == 2 and said in " ".join(done.stderr.split()), done.stderr
    assert "as I heard it" in mine.read_text()


def test_a_picture_says_nothing(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "grey.png"
    Image.new("RGB", (8, 8)).save(path)
    done = transcribe(str(path))
    assert done.returncode == 3 and "nothing is said in it" in done.stderr
