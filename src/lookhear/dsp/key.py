"""Key: which of 24 keys the pitch classes speak for, and whether they speak for any.

Krumhansl's method (Cognitive Foundations of Musical Pitch, 1990) with three published profiles: Sha'ath's (2011, for pop
and dance), Faraldo's bgate (2016, for dance with few notes), Krumhansl & Kessler's (1982). Profiles alone take the
relative major for a minor key too often; so the bass, the chords that sound longest, and the first and the last chord
count as well. How much each counts was fitted on rendered music (``evals/fit_rhythm.py``), the same for all twelve
tonics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.fitted import odds

KEYS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
PROFILES = {
    "shaath": (
        (6.6, 2.0, 3.5, 2.3, 4.6, 4.0, 2.5, 5.2, 2.4, 3.7, 2.3, 3.4),
        (6.5, 2.7, 3.5, 5.4, 2.6, 3.5, 2.5, 5.2, 4.0, 2.7, 4.3, 3.2),
    ),
    "bgate": (
        (1.00, 0.00, 0.42, 0.00, 0.53, 0.37, 0.00, 0.77, 0.00, 0.38, 0.21, 0.30),
        (1.00, 0.00, 0.36, 0.39, 0.00, 0.38, 0.00, 0.74, 0.27, 0.00, 0.42, 0.23),
    ),
    "krumhansl": (
        (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
        (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
    ),
}
_TRIADS = ((1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0), (1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0))
_EDGE_SECONDS = 4.0
_SMOOTHED = 3  # segments in a chord, 0.56 s

Row = NDArray[np.float64]


@dataclass(frozen=True)
class KeyMatch:
    """``likely``: (24,) probabilities, 12 major then 12 minor, C first. ``correlation``: (24,) with the profiles.

    ``profile``: (12,) what they were matched with. ``single``: share of the time in which the pitch class ``leading``
    (0 = C) is the strongest.
    """

    likely: Row
    correlation: Row
    profile: Row
    single: float
    leading: int

    def ranked(self) -> list[tuple[str, str, float, float]]:
        """(key, mode, probability, correlation), likeliest first."""
        order = np.argsort(-self.likely, kind="stable")
        return [
            (KEYS[k % 12], "minor" if k >= 12 else "major", float(self.likely[k]), float(self.correlation[k]))
            for k in order
        ]


def match_key(profiles: NDArray[np.float32], rate: float) -> KeyMatch | None:
    """Match (segments, 24) pitch class profiles, ``rate`` per second; None where nothing sounds."""
    heard = _heard(profiles)
    if heard is None:
        return None
    features, correlation, whole = key_features(heard, rate)
    leads = np.bincount(heard[:, :12].argmax(axis=1), minlength=12)
    return KeyMatch(odds("key", features), correlation, whole, float(leads.max() / len(heard)), int(leads.argmax()))


def _heard(profiles: NDArray[np.float32]) -> Row | None:
    loud = profiles[:, :12].max(axis=1) > 0 if len(profiles) else np.zeros(0, np.bool_)
    return profiles[loud].astype(np.float64) if loud.any() else None


def key_features(heard: Row, rate: float) -> tuple[Row, Row, Row]:
    """(24, features) that speak for each key, its (24,) mean correlation, and the (12,) profile of the whole."""
    melody, bass = _equalised(heard[:, :12]), _equalised(heard[:, 12:])
    whole, low = melody.mean(axis=0), bass.mean(axis=0)
    edge = max(1, round(_EDGE_SECONDS * rate))
    chords = _chord_shares(melody + 0.5 * bass)
    single = [_correlations(whole, name) for name in PROFILES]
    columns = [
        *single,
        _correlations(low, "bgate"),
        _rotated(_standard(low), (0, 7, 2, 5)),
        _rotated(_standard(whole), (0, 7, 11, 10, 8, 9)),
        _triads(_standard(melody[:edge].mean(axis=0) + low)),
        _triads(_standard(melody[-edge:].mean(axis=0))),
        _rotated(_standard(bass[-edge:].mean(axis=0)), (0,)),
        _chord_columns(chords),
    ]
    features = np.concatenate([column.reshape(24, -1) for column in columns], axis=1)
    minor = np.repeat([0.0, 1.0], 12)[:, None]
    mean = np.mean(single, axis=0) * 0.85 + 0.15 * columns[3]
    return np.concatenate([minor, features, features * minor], axis=1), mean, whole + 0.35 * low


def _equalised(part: Row) -> Row:
    """Each segment counts the same, however loud."""
    return np.asarray(part / (part.max(axis=1, keepdims=True) + 1e-9))


def _standard(values: Row) -> Row:
    return np.asarray((values - values.mean()) / (values.std() + 1e-9))


def _correlations(profile: Row, name: str) -> Row:
    """(24,) Pearson correlation with each rotation of the major and the minor profile."""
    rows = [np.roll(_standard(np.array(model)), k) for model in PROFILES[name] for k in range(12)]
    return np.asarray(np.stack(rows) @ _standard(profile) / 12)


def _rotated(values: Row, degrees: tuple[int, ...]) -> Row:
    """(24, degrees): the value at so many semitones above each tonic."""
    at = (np.arange(12)[:, None] + np.array(degrees)[None, :]) % 12
    return np.tile(values[at], (2, 1))


def _triads(values: Row) -> Row:
    """(24,) how much they are the tonic triad of each key."""
    rows = [np.roll(np.array(shape), k) for shape in _TRIADS for k in range(12)]
    return np.asarray(np.stack(rows) @ values / 3)


def _chord_shares(segments: Row) -> Row:
    """(24,) share of the time in which each triad is the best fit."""
    count = max(1, len(segments) // _SMOOTHED)
    grouped = segments[: count * _SMOOTHED].reshape(count, -1, 12).mean(axis=1)
    unit = grouped - grouped.mean(axis=1, keepdims=True)
    rows = np.stack([np.roll(np.array(shape), k) for shape in _TRIADS for k in range(12)])
    best = (unit @ (rows - rows.mean(axis=1, keepdims=True)).T).argmax(axis=1)
    return np.asarray(np.bincount(best, minlength=24) / count)


def _chord_columns(shares: Row) -> Row:
    """(24, 6): the shares of a key's I, i, IV or iv, V, and the relative's and the parallel chords."""
    rows = []
    for k in range(24):
        tonic, minor = k % 12, k >= 12
        own, parallel = shares[tonic + 12 * minor], shares[tonic + 12 * (not minor)]
        fourth = shares[(tonic + 5) % 12 + 12 * minor]
        fifth, fifth_minor = shares[(tonic + 7) % 12], shares[(tonic + 7) % 12 + 12]
        relative = shares[(tonic + 3) % 12] if minor else shares[(tonic + 9) % 12 + 12]
        rows.append([own, parallel, fourth, fifth, fifth_minor, relative])
    return np.array(rows)
