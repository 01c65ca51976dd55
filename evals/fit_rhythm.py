"""Fit the weights by which tempo, bar and division of the beat are chosen: python -m evals.fit_rhythm.

Softmax regression with an L2 penalty over the hypotheses of each clip (tempo, bar, key), logistic regression (division).
Fitted on the development set, 280 further pieces of its styles, 90 of sustained sounds and, for the tempo, 360 drum
loops; the set that the tables report has other seeds and players, but the same composer. Keys and tempi are also fitted
on cuts; penalties were chosen on further seeds. Writes ``src/lookhear/dsp/fitted.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from evals.music.render import rendered, truth
from lookhear.dsp.beat import track_beats
from lookhear.dsp.grid import FRAME_RATE
from lookhear.dsp.key import KEYS, _heard, key_features
from lookhear.dsp.meter import bar_features, bar_hypotheses, division_features
from lookhear.dsp.onset import OnsetCurves
from lookhear.dsp.pitch_classes import SEGMENT_RATE, PitchClasses
from lookhear.dsp.tempo import find_pulse, local_periods
from lookhear.tasks.audio.mir import JUDGED, LOCAL_SPAN, onset_strengths

OUT = Path(__file__).parents[1] / "src" / "lookhear" / "dsp" / "fitted.json"
Rows = NDArray[np.float64]


def curves(path: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Onset curves and pitch class profiles of a file."""
    from lookhear.dsp.mel import mel_power
    from lookhear.dsp.stft import PowerSpectra
    from lookhear.media.decoder import Decoder
    from lookhear.media.forms import Form
    from lookhear.media.medium import open_medium

    onsets, pitches, stft = OnsetCurves(JUDGED), PitchClasses(JUDGED), PowerSpectra()
    with open_medium(path) as medium:
        runs = [samples.data for _, samples in Decoder(medium, frozenset({Form.MONO_22K}))]
    for power in (*map(stft.add, runs), stft.finish()):
        onsets.add(mel_power(power))
        pitches.add(power)
    return onsets.curves, pitches.head


def facts(path: str) -> dict[str, object]:
    """Features of every hypothesis of one clip, and which are true."""
    known = truth(Path(path))
    curve, profiles = curves(path)
    strengths = onset_strengths(curve)
    tempo = float(known["tempo"])  # type: ignore[arg-type]
    seed = int(known["seed"])  # type: ignore[call-overload]
    cuts = [_pulse(part, tempo) for part in _excerpts(curve, seed)]
    row: dict[str, object] = {"tempo": [*cuts, *4 * [_pulse(curve, tempo)]]}  # the whole counts twice what they do
    beats = track_beats(strengths[0], local_periods(strengths[0], tempo, LOCAL_SPAN), LOCAL_SPAN)
    bars = bar_features(beats, strengths, profiles)
    numerator, denominator = map(int, str(known["meter"]).split("/"))
    compound = denominator == 8 and numerator % 3 == 0
    row["division"] = (division_features(beats, strengths, tempo), compound)
    heard = _heard(profiles)
    if known["key"] is not None and heard is not None:
        truth_key = KEYS.index(str(known["key"])) + 12 * (known["mode"] == "minor")
        right = np.arange(24) == truth_key
        row["key"] = [(key_features(part, SEGMENT_RATE)[0], right) for part in _parts(heard, seed)]
    if bars is not None:
        length = numerator // 3 if compound else numerator
        row["bar"] = (bars, _true_bars(beats / FRAME_RATE, np.array(known["downbeats"]), length))
    return row


def _pulse(curve: NDArray[np.float16], tempo: float) -> tuple[Rows, NDArray[np.bool_]]:
    pulse = find_pulse(onset_strengths(curve), 38.0, 240.0)
    return pulse.features, np.abs(pulse.bpm / tempo - 1) < 0.05


def _excerpts(curve: NDArray[np.float16], seed: int) -> list[NDArray[np.float16]]:
    """Two cuts of 7 to 15 s: many loops and samples are no longer."""
    rng, cuts = np.random.default_rng(seed), []
    for _ in range(2):
        size = min(len(curve), round(rng.uniform(7, 15) * FRAME_RATE))
        start = int(rng.integers(0, len(curve) - size + 1))
        cuts.append(curve[start : start + size])
    return cuts


def _parts(heard: Rows, seed: int) -> list[Rows]:
    """The whole, and three cuts from its middle: neither edge of what people give us need be the tonic."""
    rng, count = np.random.default_rng(seed), len(heard)
    cuts = [
        (rng.integers(count // 12, count // 3), rng.integers(2 * count // 3, count - count // 12)) for _ in range(3)
    ]
    return [heard, *(heard[low:high] for low, high in cuts)]


def _true_bars(beats: Rows, downbeats: Rows, length: int) -> NDArray[np.bool_]:
    """Hypotheses of the true length whose downbeats mostly fall on true ones."""
    if length == 2:  # two of these make a bar of four: either is fair
        return np.array([n in (2,) and _hits(beats[p::n], downbeats) > 0.6 for n, p in bar_hypotheses()])
    return np.array([n == length and _hits(beats[p::n], downbeats) > 0.6 for n, p in bar_hypotheses()])


def _hits(some: Rows, true: Rows) -> float:
    return float(np.mean(np.abs(some[:, None] - true[None, :]).min(axis=1) < 0.1)) if len(some) else 0.0


def fit_choice(clips: Sequence[tuple[Rows, NDArray[np.bool_]]], penalty: float) -> dict[str, list[float]]:
    """Weights that make the true hypothesis of each clip the likeliest."""
    clips = [clip for clip in clips if clip[1].any()]
    mean, scale = _standard(np.concatenate([rows for rows, _ in clips]))

    def loss(weights: Rows) -> tuple[float, Rows]:
        total, slope = penalty * float(weights @ weights), 2 * penalty * weights
        for rows, right in clips:
            units = (rows - mean) / scale
            odds = np.exp(units @ weights - (units @ weights).max())
            odds /= odds.sum()
            share = odds[right].sum() + 1e-12
            total -= np.log(share) / len(clips)
            slope = slope + units.T @ (odds - np.where(right, odds / share, 0)) / len(clips)
        return total, slope

    return _solved(loss, mean, scale)


def fit_yes(rows: Rows, yes: NDArray[np.bool_], penalty: float) -> dict[str, list[float]]:
    """Logistic regression; the first column is the constant."""
    mean, scale = _standard(rows)
    mean[0], scale[0] = 0.0, 1.0
    units, sign = (rows - mean) / scale, np.where(yes, 1.0, -1.0)

    def loss(weights: Rows) -> tuple[float, Rows]:
        margin = sign * (units @ weights)
        slope = -(units.T @ (sign / (1 + np.exp(margin)))) / len(rows) + 2 * penalty * weights
        return float(np.mean(np.logaddexp(0, -margin)) + penalty * weights @ weights), slope

    return _solved(loss, mean, scale)


def _standard(rows: Rows) -> tuple[Rows, Rows]:
    return rows.mean(axis=0), rows.std(axis=0) + 1e-6


def _solved(loss: Callable[[Rows], tuple[float, Rows]], mean: Rows, scale: Rows) -> dict[str, list[float]]:
    best = minimize(loss, np.zeros(len(mean)), jac=True, method="L-BFGS-B").x / scale
    return {"weights": [float(f"{w:.5g}") for w in best], "offset": [float(f"{-best @ mean:.5g}")]}


def main() -> None:
    """Render, measure, fit, write."""
    music = [*rendered("tune"), *rendered("tune", 280, 5000), *rendered("sustained", 90)]
    loops = rendered("loops", 360)
    with ProcessPoolExecutor(2) as pool:
        clips = list(pool.map(facts, map(str, music), chunksize=4))
        beaten = clips + list(pool.map(facts, map(str, loops), chunksize=4))  # all in 4/4: of no use to learn metres
    division = [clip["division"] for clip in clips]
    fitted = {
        "tempo": fit_choice([part for clip in beaten for part in clip["tempo"] if len(part[0])], 0.001),  # type: ignore[misc]
        "bar": fit_choice([clip["bar"] for clip in clips if "bar" in clip], 0.01),  # type: ignore[misc]
        "key": fit_choice([part for clip in clips for part in clip.get("key", ())], 0.02),  # type: ignore[misc]
        "division": fit_yes(np.array([d[0] for d in division]), np.array([d[1] for d in division]), 0.003),  # type: ignore[index]
    }
    OUT.write_text(json.dumps(fitted, indent=1) + "\n")


if __name__ == "__main__":
    main()
