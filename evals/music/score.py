"""A small composer: pieces whose tempo, beats, bars and key are true by construction.

A piece is a list of notes on a grid of beats, in one key and one metre, with a bass that states the harmony, chords that
change with the bar, a melody of chord and scale tones, and perhaps drums. What makes music hard to analyse is mixed in on
purpose: swing, syncopation, humanised timing, rests, intros without drums, borrowed chords, detuning and drifting tempo.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
DRUMS = 9  #: MIDI channel
KICK, SNARE, HAT, OPEN_HAT, RIDE, CLAP, TOM, SHAKER, CRASH = 36, 38, 42, 46, 51, 39, 45, 70, 49


@dataclass(frozen=True)
class Note:
    """Onset and length in beats, MIDI pitch, velocity 1..127, MIDI channel."""

    onset: float
    length: float
    pitch: int
    velocity: int
    channel: int


@dataclass(frozen=True)
class Style:
    """How a kind of music is played. ``meters`` are (numerator, denominator); tempo counts the felt beat."""

    name: str
    tempi: tuple[float, float]
    meters: tuple[tuple[int, int], ...]
    chords: int  #: General MIDI programs, from 0
    bass: int
    lead: int
    pattern: str  #: how chords are played: pads, strums, arpeggio, stabs, oompah, comp; none: drums alone
    drums: str  #: none, rock, four, swing, latin, march, brush, halftime; break, steps: a pattern that comes again
    swing: float = 0.5  #: where the off-beat eighth falls, 0.5 straight .. 0.67 triplet
    human: float = 0.008  #: s, spread of timing
    kits: tuple[int, ...] = (0,)  #: drum kits to choose from, as General MIDI programs


@dataclass
class Piece:
    """A finished piece and its truth."""

    style: Style
    tempo: float
    meter: tuple[int, int]
    tonic: int
    mode: str
    bars: int
    notes: list[Note] = field(default_factory=list)
    detune: float = 0.0  #: cents
    drift: float = 0.0  #: relative tempo change from start to end
    swing: float = 0.5
    kit: int = 0
    pattern: list[tuple[float, int, float]] = field(default_factory=list)  #: beat, drum, velocity; played bar by bar

    @property
    def beats_per_bar(self) -> int:
        """Felt beats: a 6/8 bar has two, of three eighths each."""
        return self.meter[0] // 3 if self.meter[1] == 8 and self.meter[0] % 3 == 0 else self.meter[0]

    @property
    def division(self) -> int:
        """Eighths in a beat: 3 in compound metres, else 2."""
        return 3 if self.meter[1] == 8 and self.meter[0] % 3 == 0 else 2


# Degrees of the scale, 1 = tonic; each line is a loop that knows its home.
PROGRESSIONS = {
    "major": (
        (1, 5, 6, 4), (1, 4, 5, 1), (1, 6, 4, 5), (1, 4, 1, 5), (1, 2, 5, 1), (1, 3, 4, 5), (1, 5, 1, 4),
        (1, 1, 4, 5), (1, 6, 2, 5), (4, 5, 1, 1),
    ),
    "minor": (
        (1, 6, 3, 7), (1, 4, 5, 1), (1, 7, 6, 7), (1, 4, 7, 3), (1, 6, 4, 5), (1, 1, 4, 5), (1, 5, 1, 4),
        (6, 7, 1, 1), (1, 2, 5, 1), (1, 4, 1, 5),
    ),
}  # fmt: skip


def compose(
    style: Style, tempo: float, meter: tuple[int, int], tonic: int, mode: str, seed: int, seconds: float
) -> Piece:
    """A piece of about ``seconds``."""
    rng = np.random.default_rng(seed)
    piece = Piece(style, tempo, meter, tonic, mode, 0)
    piece.bars = max(8, 4 * round(seconds * tempo / 60 / piece.beats_per_bar / 4))
    piece.swing = style.swing if piece.division == 2 else 0.5
    loop = PROGRESSIONS[mode][rng.integers(len(PROGRESSIONS[mode]))]
    degrees = [loop[bar % 4] for bar in range(piece.bars)]
    if rng.random() < 0.5:  # a second section
        other = PROGRESSIONS[mode][rng.integers(len(PROGRESSIONS[mode]))]
        for bar in range(piece.bars // 2, piece.bars * 3 // 4):
            degrees[bar] = other[bar % 4]
    degrees[-1] = 1
    chords = [_chord(degree, tonic, mode, rng) for degree in degrees]
    if style.drums in ("break", "steps"):
        piece.kit = int(rng.choice(style.kits))
        piece.pattern = _break(rng) if style.drums == "break" else _steps(rng)
    quiet_intro = rng.random() < 0.35
    tonal = style.pattern != "none"
    for bar, chord in enumerate(chords):
        if tonal:
            _bass(piece, bar, chord, rng)
            _harmony(piece, bar, chord, rng)
        if not (quiet_intro and tonal and bar < 2):
            _drums(piece, bar, rng)
    if tonal:
        _melody(piece, chords, rng)
    return piece


def _chord(degree: int, tonic: int, mode: str, rng: np.random.Generator) -> tuple[int, ...]:
    """Pitch classes, root first; now and then a borrowed or altered one."""
    scale = MAJOR if mode == "major" else MINOR
    steps = [scale[(degree - 1 + k) % 7] + 12 * ((degree - 1 + k) // 7) for k in (0, 2, 4, 6)]
    if mode == "minor" and degree == 5 and rng.random() < 0.75:
        steps[1] = steps[0] + 4  # harmonic minor dominant
    if mode == "minor" and degree == 2:
        steps[2] = steps[0] + 6
    if mode == "major" and degree in (2, 6) and rng.random() < 0.12:
        steps[1] = steps[0] + 4  # secondary dominant
    if mode == "major" and degree == 4 and rng.random() < 0.1:
        steps[1] = steps[0] + 3  # minor subdominant
    count = 4 if rng.random() < 0.2 and degree in (2, 5) else 3
    return tuple((tonic + step) % 12 for step in steps[:count])


def _hit(piece: Piece, bar: int, beat: float, length: float, pitch: int, velocity: float, channel: int) -> None:
    onset = bar * piece.beats_per_bar + beat
    piece.notes.append(Note(onset, length, int(pitch), int(np.clip(velocity, 20, 127)), channel))


def _bass(piece: Piece, bar: int, chord: tuple[int, ...], rng: np.random.Generator) -> None:
    root, fifth = 36 + (chord[0] - 0) % 12, 36 + chord[2] % 12
    beats, name = piece.beats_per_bar, piece.style.pattern
    if name == "oompah" or (beats == 3 and name != "pads"):
        _hit(piece, bar, 0, 0.9, root if bar % 2 == 0 else fifth, 96, 1)
        if beats == 4:
            _hit(piece, bar, 2, 0.9, fifth, 88, 1)
    elif piece.style.drums == "swing" and beats == 4:
        walk = [root, 36 + chord[1] % 12, fifth, root + int(rng.choice((-1, 2, 1)))]
        for beat, pitch in enumerate(walk):
            _hit(piece, bar, beat, 0.9, pitch, 92, 1)
    elif name == "stabs" and piece.style.drums == "four":
        for beat in range(beats):
            _hit(piece, bar, beat + 0.5, 0.4, root, 95, 1)
    elif piece.division == 3:
        for beat in range(beats):
            _hit(piece, bar, beat, 0.9, root if beat % 2 == 0 else fifth, 92 - 6 * beat, 1)
            if rng.random() < 0.4:
                _hit(piece, bar, beat + 2 / 3, 0.3, root, 76, 1)
    else:
        _hit(piece, bar, 0, 1.4, root, 98, 1)
        for eighth in range(2, 2 * beats):
            if rng.random() < (0.45 if eighth % 2 == 0 else 0.22):
                _hit(piece, bar, eighth / 2, 0.45, root if rng.random() < 0.7 else fifth, 84, 1)


def _harmony(piece: Piece, bar: int, chord: tuple[int, ...], rng: np.random.Generator) -> None:
    beats, pattern = piece.beats_per_bar, piece.style.pattern
    voiced = sorted(55 + (pitch - 55) % 12 for pitch in chord)

    def strike(beat: float, length: float, velocity: float) -> None:
        for pitch in voiced:
            _hit(piece, bar, beat, length, pitch, velocity + rng.normal(0, 4), 0)

    if pattern == "pads":
        strike(0, beats * 0.98, 70)
    elif pattern == "oompah":
        for beat in range(1, beats):
            if beats == 3 or beat % 2 == 1:
                strike(beat, 0.5, 74)
    elif pattern == "arpeggio":
        per = piece.division
        for step in range(beats * per):
            pitch = voiced[step % len(voiced)] + (12 if (step // len(voiced)) % 2 else 0)
            _hit(
                piece, bar, step / per, 1.0 / per, pitch, 82 if step % (beats * per) == 0 else 66 + rng.normal(0, 5), 0
            )
    elif pattern == "stabs":
        for eighth in (0, 3, 6) if beats == 4 else range(0, 2 * beats, 3):
            strike(eighth / 2, 0.35, 80)
    elif pattern == "comp":
        for eighth in range(2 * beats):
            if rng.random() < 0.3:
                strike(eighth / 2, 0.4, 70)
    else:  # strums
        per = piece.division
        for step in range(beats * per):
            accent = step % per == 0
            if accent or rng.random() < 0.6:
                strike(step / per, 0.8 / per, (84 if step == 0 else 74) if accent else 58)


def _melody(piece: Piece, chords: list[tuple[int, ...]], rng: np.random.Generator) -> None:
    scale = [(piece.tonic + step) % 12 for step in (MAJOR if piece.mode == "major" else MINOR)]
    pitch, per = 72, piece.division
    for bar, chord in enumerate(chords):
        if rng.random() < 0.12:
            continue
        step = 0
        while step < piece.beats_per_bar * per:
            length = int(rng.choice((1, 2, 3, 4) if per == 2 else (1, 2, 3, 3, 6), p=None))
            strong = step % per == 0
            wanted = chord if strong and rng.random() < 0.75 else scale
            near = [p for p in range(pitch - 7, pitch + 8) if p % 12 in wanted and 62 <= p <= 86]
            pitch = int(rng.choice(near)) if near else 72
            if rng.random() < 0.85:
                loud = 92 if step == 0 else 84 if strong else 74
                _hit(piece, bar, step / per, length / per * 0.95, pitch, loud + rng.normal(0, 5), 2)
            step += length


def _break(rng: np.random.Generator) -> list[tuple[float, int, float]]:
    """A bar or two of 4/4 as funk drummers play them: back beats, syncopated kicks, ghost notes, hats."""
    hits: list[tuple[float, int, float]] = []
    every = int(rng.choice((1, 2, 2)))  # sixteenths from hat to hat
    for bar in range(int(rng.choice((1, 2)))):
        start = 4.0 * bar
        hits += [(start + 1, SNARE, 108), (start + 3, SNARE, 108), (start, KICK, 112)]
        for step in range(1, 16):
            if step in (4, 12):
                continue
            if rng.random() < (0.35 if step in (10, 8) else 0.22 if step % 2 == 0 else 0.12):
                hits.append((start + step / 4, KICK, 96))
            elif rng.random() < 0.15:
                hits.append((start + step / 4, SNARE, 52))
        hits += [(start + step / 4, HAT, 78 if step % 4 == 0 else 62) for step in range(0, 16, every)]
    return hits


def _steps(rng: np.random.Generator) -> list[tuple[float, int, float]]:
    """A bar or two of 4/4 out of a step sequencer: a few sounds, each on steps of its own, the strong ones likelier."""
    strong = {0: 1.0, 8: 0.75, 4: 0.65, 12: 0.65}
    weight = [strong.get(step, 0.4 if step % 2 == 0 else 0.2) for step in range(16)]
    hits: list[tuple[float, int, float]] = []
    bars = int(rng.choice((1, 2)))
    sounds = rng.choice(
        (KICK, SNARE, HAT, CLAP, TOM, SHAKER, 56, 60, 63, 75, 76, 37, 50), int(rng.integers(2, 6)), False
    )
    for sound in sounds:
        dense = rng.uniform(0.3, 1.1)
        for step in range(16 * bars):
            if rng.random() < dense * weight[step % 16]:
                hits.append((step / 4, int(sound), float(rng.uniform(60, 112))))
    return [*hits, (0.0, KICK, 108.0)]


def _drums(piece: Piece, bar: int, rng: np.random.Generator) -> None:
    kind, beats, per = piece.style.drums, piece.beats_per_bar, piece.division
    if kind == "none":
        return
    if piece.pattern:
        reach = 4 * (1 + int(max(beat for beat, _, _ in piece.pattern) >= 4))
        for beat, pitch, velocity in piece.pattern:
            if reach == 4 or (bar % 2 == 1) == (beat >= 4):
                _hit(piece, bar, beat % 4, 0.1, pitch, velocity, DRUMS)
        return

    def drum(beat: float, pitch: int, velocity: float) -> None:
        _hit(piece, bar, beat, 0.1, pitch, velocity + rng.normal(0, 4), DRUMS)

    if bar % 8 == 0 and rng.random() < 0.6:
        drum(0, CRASH, 90)
    if per == 3:
        for beat in range(beats):
            drum(beat, KICK if beat % 2 == 0 else SNARE, 100)
            for third in range(3):
                drum(beat + third / 3, HAT, 72 if third == 0 else 56)
    elif beats == 3:
        drum(0, KICK, 100)
        for beat in (1, 2):
            drum(beat, SNARE if kind != "brush" else HAT, 72)
        for eighth in range(6):
            drum(eighth / 2, HAT, 60 if eighth % 2 == 0 else 48)
    elif kind == "four":
        for beat in range(beats):
            drum(beat, KICK, 112)
            drum(beat + 0.5, OPEN_HAT, 78)
            if beat % 2 == 1:
                drum(beat, CLAP, 96)
    elif kind in ("swing", "brush"):
        for beat in range(beats):
            drum(beat, RIDE, 84)
            if beat % 2 == 1:
                drum(beat, HAT, 70)
                drum(beat + 0.5, RIDE, 66)
            if rng.random() < 0.2:
                drum(beat + 0.5, SNARE, 50)
    elif kind == "latin":
        for eighth in (0, 3, 6) if bar % 2 == 0 else (2, 4):
            drum(eighth / 2, CLAP, 88)
        for eighth in range(2 * beats):
            drum(eighth / 2, SHAKER, 70 if eighth % 2 == 0 else 56)
        drum(0, KICK, 98)
        drum(1.5, KICK, 80)
        drum(2, KICK, 92)
    elif kind == "march":
        for beat in range(beats):
            drum(beat, KICK if beat % 2 == 0 else SNARE, 100)
            if rng.random() < 0.4:
                drum(beat + 0.5, SNARE, 62)
    else:  # rock, halftime, and odd metres
        back = {2} if kind == "halftime" and beats == 4 else set(range(1, beats, 2)) if beats == 4 else {beats - 2}
        drum(0, KICK, 110)
        for eighth in range(1, 2 * beats):
            if eighth / 2 not in back and rng.random() < (0.4 if eighth % 2 == 0 else 0.25):
                drum(eighth / 2, KICK, 92)
        for beat in back:
            drum(beat, SNARE, 106)
        for eighth in range(2 * beats):
            drum(eighth / 2, HAT, 76 if eighth % 2 == 0 else 60)
        if bar % 4 == 3 and rng.random() < 0.5:
            for sixteenth in range(4):
                drum(beats - 1 + sixteenth / 4, TOM if sixteenth > 1 else SNARE, 84 + 4 * sixteenth)


def timing(piece: Piece) -> np.ndarray:
    """Seconds of each beat 0 .. bars * beats, with the drift of the tempo."""
    count = piece.bars * piece.beats_per_bar
    share = np.arange(count) / max(count - 1, 1)
    intervals = 60.0 / (piece.tempo * (1 + piece.drift * share))
    return 0.25 + np.concatenate([[0.0], np.cumsum(intervals)])


def swung(beat: float, swing: float) -> float:
    """A place within the beat, its off-beat moved to ``swing``."""
    whole, part = divmod(beat, 1.0)
    if part <= 0.5:
        return whole + part / 0.5 * swing
    return whole + swing + (part - 0.5) / 0.5 * (1 - swing)
