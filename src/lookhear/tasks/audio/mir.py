"""Rhythm and key: what a musician would note down about a recording.

Aim: tempo with its alternatives, beats, downbeats, time signature, key and mode, tuning, onset rate; each with a
confidence, and null where the recording has no such thing (the tempo of speech, the key of noise).
Reference: onsets after Böck & Widmer 2013; tempo after Percival & Tzanetakis 2014; beats after Ellis 2007; metre after
Davies & Plumbley 2006; pitch classes after Gómez 2006; key after Krumhansl 1990 with the profiles
of Sha'ath and Faraldo.
Conventions: BPM of the felt beat (a dotted quarter in 6/8); times in seconds from the start; keys "C" to "B" with sharps;
``time_signature`` is the upper number, ``meter`` both; tuning in cents from A = 440 Hz. Works on the shared grid of
22,050 Hz, frames of 2048 samples every 512. The level of the beat and
the metre are chosen by the first half hour. Silence, and less than three seconds: null.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.beat import LATENCY, track_beats
from lookhear.dsp.fitted import odds, scores
from lookhear.dsp.grid import FRAME_RATE
from lookhear.dsp.key import KEYS, match_key
from lookhear.dsp.meter import bar_features, bar_hypotheses, division_features
from lookhear.dsp.moments import median
from lookhear.dsp.onset import OnsetCurves, normalised
from lookhear.dsp.periodicity import at_lags
from lookhear.dsp.pitch_classes import SEGMENT_RATE, PitchClasses
from lookhear.dsp.tempo import Pulse, find_pulse, local_periods, periods
from lookhear.errors import InvalidOptions
from lookhear.tasks.base import Block, Context, FloatArray, Fold, Form, Task

LOCAL_SPAN = round(20 * FRAME_RATE)  #: frames with one local tempo
JUDGED = round(1800 * FRAME_RATE)  #: frames by which level of the beat and metre are chosen
_NORMALISE = 1.5  # s
_SHORTEST = 3.0  # s
_KEY = 0.55  # below this there is no key
_TONE = 0.45  # the same for one tone, which has no scale to match a profile with
_ONE_TONE = 0.9  # share of the time in which one pitch class leads: no chords, no melody
_ODD_PRIOR = 0.1  # bars of five and seven are one in fourteen in the fitted set, and far rarer in the world
_LOOP = 0.75  # repetition of a bar or a phrase by which there is a pulse; chance stays below 0.7
_MOST_ONSETS = 40.0  # per second, more is noise


@dataclass(frozen=True)
class MirOptions:
    """``min_tempo``, ``max_tempo``: BPM between which the beat is sought."""

    min_tempo: float = 40.0
    max_tempo: float = 240.0

    def __post_init__(self) -> None:
        if not 20.0 <= self.min_tempo < self.max_tempo <= 300.0:
            raise InvalidOptions("mir: 20 ≤ min_tempo < max_tempo ≤ 300 must hold.")


@dataclass(frozen=True)
class TempoCandidate:
    """A tempo (BPM) and how likely it is to be the felt one (all add up to 1)."""

    bpm: float
    weight: float


@dataclass(frozen=True)
class KeyCandidate:
    """A key and how likely it is (all 24 add up to 1)."""

    key: str
    mode: str
    weight: float


@dataclass(frozen=True)
class MirResult:
    """Rhythm and key."""

    tempo: float | None = None  #: BPM
    tempo_confidence: float = 0.0
    tempo_candidates: tuple[TempoCandidate, ...] = ()
    beats: tuple[float, ...] = ()  #: s
    downbeats: tuple[float, ...] = ()  #: s
    time_signature: int | None = None
    meter: str | None = None
    meter_confidence: float = 0.0
    key: str | None = None
    mode: str | None = None
    key_strength: float = 0.0  #: correlation with the key's profile, 0..1
    mode_strength: float = 0.0  #: against the same tonic in the other mode, 0.5 undecided .. 1
    key_candidates: tuple[KeyCandidate, ...] = ()
    tuning: float | None = None  #: cents from A440
    onset_rate: float | None = None  #: per second
    beat_strength: float = 0.0  #: how regularly onsets return with the beat, 0..1
    tempo_stability: float | None = None  #: 1 for a machine, towards 0 where beats wander
    genre_probabilities: dict[str, float] = field(
        default_factory=dict
    )  #: as the task genre tells; without its model none


def onset_strengths(curves: NDArray[np.float16]) -> list[FloatArray]:
    """The four onset curves, each against its surroundings."""
    return [strength(curves[:, i]) for i in range(curves.shape[1])]


def strength(curve: NDArray[np.float16]) -> FloatArray:
    """One onset curve against its surroundings."""
    return normalised(curve, _NORMALISE, FRAME_RATE)


class MirFold:
    """Keeps one onset value a frame, and a bounded number of onset curves and pitch classes; all else comes at the end."""

    def __init__(self, context: Context, options: MirOptions) -> None:
        self._context = context
        self._options = options
        self._onsets = OnsetCurves(JUDGED)
        self._pitches = PitchClasses(JUDGED)

    def add(self, block: Block) -> None:
        """Spectra, in order."""
        if block.spectra is not None:
            self._onsets.add(block.spectra.mel)
            self._pitches.add(block.spectra.power)

    def finish(self) -> MirResult:
        """Rhythm, then key."""
        whole = strength(self._onsets.whole)
        if len(whole) < _SHORTEST * FRAME_RATE or not whole.any():
            self._context.warn(f"Less than {_SHORTEST:g} s of sound: too little for a tempo or a key.")
            return MirResult()
        rhythm = self._rhythm(whole, onset_strengths(self._onsets.curves))
        genre = self._context.results.get("genre")
        genres = dict(genre.probabilities) if genre else {}
        return MirResult(**rhythm, **self._key(), genre_probabilities=genres)  # type: ignore[arg-type]

    def _rhythm(self, whole: FloatArray, strengths: list[FloatArray]) -> dict[str, object]:
        """``whole``: onset strength throughout, for the beats; ``strengths``: of what tempo and metre are judged by."""
        found: dict[str, object] = {"onset_rate": _onset_rate(whole), "beat_strength": 0.0}
        pulse = find_pulse(strengths, self._options.min_tempo, self._options.max_tempo)
        if not len(pulse.bpm):
            return found
        likely = odds("tempo", pulse.features)
        order = np.argsort(-likely, kind="stable")
        bpm = float(pulse.bpm[order[0]])
        clarity = _clarity(pulse, bpm)
        found["beat_strength"] = round(clarity, 4)
        evidence = clarity * float(likely[order[0]])
        if evidence < _least_evidence(len(strengths[0]) / FRAME_RATE) and pulse.repetition < _LOOP:
            self._context.warn("No steady pulse was found, so there is no tempo.")
            return found
        beats = track_beats(whole, local_periods(whole, bpm, LOCAL_SPAN), LOCAL_SPAN)
        if len(beats) < 4:
            return found
        tempo, stability = _steadiness(beats)
        scale = tempo / bpm
        found["tempo"] = round(tempo, 2)
        found["tempo_stability"] = round(stability, 4)
        found["tempo_confidence"] = round(float(likely[order[0]]) * min(1.0, clarity / 0.5), 4)
        found["tempo_candidates"] = tuple(
            TempoCandidate(round(float(pulse.bpm[i]) * scale, 2), round(float(likely[i]), 4)) for i in order[:4]
        )
        found["beats"] = _times(beats)
        judged = beats[beats < len(strengths[0])]
        found.update(_bars(judged, beats, strengths, self._pitches.head, tempo))
        return found

    def _key(self) -> dict[str, object]:
        match = match_key(self._pitches.spread, SEGMENT_RATE)
        if match is None:
            return {}
        key, mode, likely, correlation = (ranked := match.ranked())[0]
        strength = float(np.clip(correlation, 0, 1)) * min(1.0, _tonality(match.profile) / 0.35)
        found: dict[str, object] = {"key_strength": round(strength, 4)}
        one_tone = match.single > _ONE_TONE
        if strength < (_TONE if one_tone else _KEY):
            self._context.warn("No clear tonal centre was found, so there is no key.")
            return found
        if one_tone:
            self._context.warn("One tone sounds throughout: it is given as the key, which has no mode.")
            found["key"], found["mode_strength"] = KEYS[match.leading], 0.5
        else:
            parallel = next(share for name, its_mode, share, _ in ranked if name == key and its_mode != mode)
            found["key"], found["mode"] = key, mode
            found["mode_strength"] = round(likely / (likely + parallel), 4)
            found["key_candidates"] = tuple(KeyCandidate(k, m, round(share, 4)) for k, m, share, _ in ranked[:3])
        tuning = self._pitches.tuning
        if tuning is not None and self._pitches.tuning_clarity > 0.1:
            found["tuning"] = round(100 * tuning, 1)
        return found


def _clarity(pulse: Pulse, bpm: float) -> float:
    """Autocorrelation at the beat, or at the multiple of it where it is greatest, over the whole recording."""
    return float(np.clip(at_lags(pulse.periodicity, periods(np.array([bpm])) * np.arange(1, 5)).max(), 0, 1))


def _least_evidence(seconds: float) -> float:
    """What chance does not reach: the less is heard, the more an autocorrelation finds in noise and speech."""
    return min(0.75, 0.05 + 3.1 / seconds)


def _steadiness(beats: NDArray[np.float64]) -> tuple[float, float]:
    """Tempo (BPM) as the median over short runs of beats, and how little single intervals stray from their neighbours."""
    intervals = np.diff(beats) / FRAME_RATE
    run = min(8, len(intervals))
    means = (beats[run:] - beats[:-run]) / FRAME_RATE / run
    local = np.convolve(intervals, np.ones(run) / run, "same")[: len(intervals)] if run < len(intervals) else means
    stray = median(np.abs(intervals - median(local))) / median(intervals)
    seconds_per_beat = _one_tempo(beats / FRAME_RATE) or median(means)
    return 60.0 / seconds_per_beat, max(0.0, 1.0 - 10 * max(0.0, stray - 0.01))


def _one_tempo(times: NDArray[np.float64]) -> float | None:
    """Seconds per beat where all beats lie on one straight line: to a hundredth of a BPM for machines. None else."""
    at = np.arange(len(times)) - (len(times) - 1) / 2
    slope = float(at @ times / (at @ at))
    stray = times - times.mean() - slope * at
    return slope if float(np.sqrt(np.mean(stray**2))) < 0.02 else None


def _times(frames: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(np.maximum(np.round(frames / FRAME_RATE - LATENCY, 4), 0.0).tolist())


def _bars(
    judged: NDArray[np.float64],
    beats: NDArray[np.float64],
    strengths: list[FloatArray],
    profiles: FloatArray,
    tempo: float,
) -> dict[str, object]:
    features = bar_features(judged, strengths, profiles)
    if features is None:
        return {}
    rare = np.array([_ODD_PRIOR if length in (5, 7) else 1.0 for length, _ in bar_hypotheses()])
    likely = odds("bar", features) * rare
    likely /= likely.sum()
    length, phase = bar_hypotheses()[int(np.argmax(likely))]
    triple = float(1 / (1 + np.exp(-scores("division", division_features(judged, strengths, tempo)[None, :])[0])))
    confidence = sum(share for share, (other, _) in zip(likely, bar_hypotheses(), strict=True) if other == length)
    meter = f"{3 * length}/8" if triple > 0.5 else f"{length}/4"
    return {
        "meter": meter,
        "time_signature": int(meter.split("/")[0]),
        "meter_confidence": round(float(confidence) * max(triple, 1 - triple), 4),
        "downbeats": _times(beats[phase::length]),
    }


def _onset_rate(strength: FloatArray) -> float:
    """Peaks of the onset curve that stand out, per second (librosa's peak picking: a local maximum above the mean)."""
    peak = strength[1:-1] > strength[:-2]
    peak &= strength[1:-1] >= strength[2:]
    peak &= strength[1:-1] > 0.6
    rate = float(np.count_nonzero(peak)) * FRAME_RATE / len(strength)
    return round(min(rate, _MOST_ONSETS), 3)


def _tonality(profile: NDArray[np.float64]) -> float:
    """How uneven the twelve classes are: the coefficient of variation; noise is near 0, a scale near 0.5."""
    return float(profile.std() / (profile.mean() + 1e-9))


class Mir(Task[MirOptions, MirResult]):
    """Tempo, beats, bars, time signature, key, mode, tuning."""

    name = "mir"
    version = "2"
    uses = ("genre",)
    summary = "tempo, beats, downbeats, time signature, key, mode, tuning, onset rate"
    kinds = frozenset({"audio", "video"})
    forms = frozenset({Form.SPECTRA})
    headline: ClassVar[dict[str, str]] = {"BPM": "tempo", "meter": "meter", "key": "key", "mode": "mode"}
    Options = MirOptions
    Result = MirResult

    def start(self, context: Context, options: MirOptions) -> Fold[MirResult]:
        """A fresh fold."""
        return MirFold(context, options)


TASKS = (Mir(),)
