"""From a piece to a sound file and its truth: MIDI, FluidSynth, FLAC at 44.1 kHz."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evals.music.score import DRUMS, Piece, swung, timing
from evals.music.sets import Clip, clips

if TYPE_CHECKING:
    import mido

CACHE = Path(__file__).parents[1] / ".cache"
_FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/soundfonts"))
_TICKS = 960  #: per second: the file runs at 60 beats a minute, and time is ours
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def rendered(name: str, size: int | None = None, seed: int | None = None) -> list[Path]:
    """Sound files of the set, made where they are not there yet; the truth lies beside each as JSON."""
    folder = CACHE / (name if seed is None else f"{name}-{seed}")
    folder.mkdir(parents=True, exist_ok=True)
    todo = clips(name, *([] if size is None else [size]), seed=seed)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda clip: _render(clip, folder), todo))


def truth(path: Path) -> dict[str, object]:
    """What is true of a rendered file."""
    return json.loads(path.with_suffix(".json").read_text())  # type: ignore[no-any-return]


def _render(clip: Clip, folder: Path) -> Path:
    sound = folder / f"{clip.number:03d}.flac"
    if not sound.exists():
        with tempfile.TemporaryDirectory() as scratch:
            midi, fresh = Path(scratch) / "piece.mid", Path(scratch) / "piece.flac"
            _midi(clip).save(midi)
            command = [_fluidsynth(), "-ni", "-q", "-r", "44100", "-g", "0.7", "-T", "flac", "-F", str(fresh)]
            subprocess.run([*command, str(_soundfont(clip.soundfont)), str(midi)], check=True, capture_output=True)
            sound.with_suffix(".json").write_text(json.dumps(_truth(clip)))
            shutil.move(fresh, sound)
    return sound


def _fluidsynth() -> str:
    found = shutil.which("fluidsynth")
    if found is None:
        sys.exit("FluidSynth is missing. Install it: apt-get install fluidsynth fluid-soundfont-gm timgm6mb-soundfont")
    return found


def _soundfont(name: str) -> Path:
    for folder in _FOLDERS:
        if (folder / name).exists():
            return folder / name
    sys.exit(f"The soundfont {name} is missing. Install it: apt-get install fluid-soundfont-gm timgm6mb-soundfont")


def _truth(clip: Clip) -> dict[str, object]:
    piece = clip.piece
    beats = timing(piece)[:-1]
    return {
        "tempo": float(60 / np.median(np.diff(beats))),
        "key": _NAMES[piece.tonic] if piece.style.pattern != "none" else None,
        "mode": piece.mode if piece.style.pattern != "none" else None,
        "time_signature": piece.meter[0],
        "meter": f"{piece.meter[0]}/{piece.meter[1]}",
        "beats": [round(float(beat), 4) for beat in beats],
        "downbeats": [round(float(beat), 4) for beat in beats[:: piece.beats_per_bar]],
        "style": piece.style.name,
        "drums": piece.style.drums != "none",
        "soundfont": clip.soundfont,
        "detune_cents": round(piece.detune, 1),
        "drift": round(piece.drift, 3),
        "swing": piece.swing,
        "seed": clip.seed,
    }


def _midi(clip: Clip) -> mido.MidiFile:
    import mido

    piece, rng = clip.piece, np.random.default_rng(clip.seed + 1)
    beats = timing(piece)
    positions = np.arange(len(beats))
    events: list[tuple[int, int, mido.Message]] = []
    for note in piece.notes:
        at = np.interp(swung(note.onset, piece.swing), positions, beats) + rng.normal(0, piece.style.human)
        end = max(at + 0.04, np.interp(swung(note.onset + note.length, piece.swing), positions, beats) - 0.01)
        velocity = int(np.clip(note.velocity + rng.normal(0, 5), 15, 127))
        for time, kind, order in ((at, "note_on", 1), (end, "note_off", 0)):
            message = mido.Message(kind, note=note.pitch, velocity=velocity, channel=note.channel)
            events.append((max(0, round(time * _TICKS)), order, message))
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=1_000_000), *_setup(piece)])
    now = 0
    for time, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=time - now))
        now = time
    return mido.MidiFile(ticks_per_beat=_TICKS, tracks=[track])


def _setup(piece: Piece) -> list[mido.Message]:
    import mido

    style, messages = piece.style, []
    for channel, program in enumerate((style.chords, style.bass, style.lead)):
        messages.append(mido.Message("program_change", channel=channel, program=program))
        bend = round(piece.detune / 200 * 8192)  # the wheel's range is two semitones
        messages.append(mido.Message("pitchwheel", channel=channel, pitch=bend))
        messages.append(mido.Message("control_change", channel=channel, control=91, value=40))
    messages.append(mido.Message("control_change", channel=0, control=7, value=88))
    messages.append(mido.Message("control_change", channel=DRUMS, control=7, value=100))
    if piece.kit:
        messages.append(mido.Message("program_change", channel=DRUMS, program=piece.kit))
    return messages
