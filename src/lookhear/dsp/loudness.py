"""Loudness after ITU-R BS.1770-4 and EBU R128, loudness range after EBU Tech 3342, over a stream.

The K-weighting filter (a high shelf and a high-pass, four states in all) runs as matrix products. A block of 64
samples becomes its zero-state response and its contribution to the states; the states are carried over 16 blocks,
then over 64 groups, by block-triangular matrices; a second product adds what the states at a block's beginning leave
in it. This is the recursion itself, regrouped, not an approximation, and costs some 140 multiplications per sample.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.quality_units import UNIT, FloatArray, HopEnergy

_BLOCK, _BLOCKS = 64, 16  # samples in a block, blocks in a group
_GROUPS = UNIT // (_BLOCK * _BLOCKS)
_STATES = 4
_FEW = 32  # rows of a product: BLAS would spread larger ones over threads, which get in the way of ours
_ABSOLUTE_GATE = -70.0  # LUFS
_RELATIVE_GATE, _RANGE_GATE = -10.0, -20.0  # LU
_MOMENTARY, _SHORT_TERM = 4, 30  # hops of 100 ms

Doubles = NDArray[np.float64]


class _System(NamedTuple):
    """s' = A s + B x, y = C s + D x."""

    a: Doubles
    b: Doubles
    c: Doubles
    d: float


def _section(b: list[float], a: list[float]) -> _System:
    """A biquad (a[0] = 1) in transposed direct form II, with the sum of both states in place of the second.

    With poles near 1 the two states nearly cancel; kept as they are, float32 would lose three digits more.
    """
    gains = np.array([b[1] - a[1] * b[0], b[2] - a[2] * b[0]])
    summed = np.array([[1.0, 0.0], [1.0, 1.0]])
    step = summed @ np.array([[-a[1], 1.0], [-a[2], 0.0]]) @ np.linalg.inv(summed)
    return _System(step, summed @ gains, np.array([1.0, 0.0]), b[0])


def k_weighting(rate: int) -> _System:
    """The K-weighting filter at any rate: BS.1770's filters, whose analogue prototypes De Man (2014) gives."""
    k, q, high = np.tan(np.pi * 1681.974450955533 / rate), 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    b = [(high + band * k / q + k * k) / a0, 2 * (k * k - high) / a0, (high - band * k / q + k * k) / a0]
    shelf = _section(b, [1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0])
    k, q = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    pass_ = _section([1.0, -2.0, 1.0], [1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0])
    a = np.zeros((_STATES, _STATES))
    a[:2, :2], a[2:, 2:], a[2:, :2] = shelf.a, pass_.a, np.outer(pass_.b, shelf.c)
    return _System(
        a, np.concatenate([shelf.b, pass_.b * shelf.d]), np.concatenate([pass_.d * shelf.c, pass_.c]), shelf.d
    )


class _Matrices(NamedTuple):
    output: FloatArray  #: (64 + 4, 64): samples and states of a block -> filtered samples
    gather: FloatArray  #: (64, 4): samples of a block -> states at its end
    blocks: tuple[FloatArray, FloatArray]  #: scan over the blocks of a group
    groups: tuple[FloatArray, FloatArray]  #: scan over the groups of a unit


@lru_cache(maxsize=8)
def _matrices(rate: int) -> _Matrices:
    system = k_weighting(rate)
    powers = [np.eye(_STATES)]
    for _ in range(_BLOCK):
        powers.append(powers[-1] @ system.a)
    response = [system.d, *(float(system.c @ power @ system.b) for power in powers[: _BLOCK - 1])]
    output = np.zeros((_BLOCK + _STATES, _BLOCK))
    for i in range(_BLOCK):
        output[i, i:_BLOCK] = response[: _BLOCK - i]
        output[_BLOCK:, i] = system.c @ powers[i]
    gather = np.stack([powers[_BLOCK - 1 - i] @ system.b for i in range(_BLOCK)])
    group = np.linalg.matrix_power(powers[_BLOCK], _BLOCKS)
    return _Matrices(_single(output), _single(gather), _scan(powers[_BLOCK], _BLOCKS), _scan(group, _GROUPS))


def _scan(step: Doubles, count: int) -> tuple[FloatArray, FloatArray]:
    """Of s[i+1] = step s[i] + c[i]: (c[0..n-1] -> s[0..n]) for s[0] = 0, and (s[0] -> s[0..n]) for c = 0."""
    powers = [np.eye(_STATES)]
    for _ in range(count):
        powers.append(powers[-1] @ step)
    inputs = np.zeros((count * _STATES, (count + 1) * _STATES))
    for i in range(count):
        row = slice(i * _STATES, (i + 1) * _STATES)
        inputs[row, (i + 1) * _STATES :] = np.concatenate([power.T for power in powers[: count - i]], axis=1)
    return _single(inputs), _single(np.concatenate([power.T for power in powers], axis=1))


def _single(matrix: Doubles) -> FloatArray:
    return np.ascontiguousarray(matrix, np.float32)


class KWeighting:
    """The running filter: (channels, UNIT) samples in, as many out, in a buffer that the next call uses again."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._channels = rate, channels
        count = _GROUPS * _BLOCKS
        self._rows = np.zeros((channels, count, _BLOCK + _STATES), np.float32)  # samples, then states, of each block
        self._ends = np.empty((channels, count, _STATES), np.float32)
        self._inner = np.empty((channels, _GROUPS, (_BLOCKS + 1) * _STATES), np.float32)
        self._outer = np.empty_like(self._inner)
        self._filtered = np.empty((channels, count, _BLOCK), np.float32)
        self._state = np.zeros((channels, _STATES), np.float32)

    def filter(self, x: FloatArray) -> FloatArray:
        """(channels, UNIT) K-weighted."""
        matrices, channels = _matrices(self._rate), self._channels
        samples = self._rows[:, :, :_BLOCK]
        samples[...] = x.reshape(samples.shape)
        np.matmul(samples, matrices.gather, out=self._ends)
        few = (channels, _GROUPS // _FEW, _FEW, -1)
        np.matmul(self._ends.reshape(few), matrices.blocks[0], out=self._inner.reshape(few))
        group_ends = self._inner[:, :, -_STATES:].reshape(channels, -1)
        states = group_ends @ matrices.groups[0]
        states += self._state @ matrices.groups[1]
        self._state = states[:, -_STATES:].copy()
        np.matmul(states[:, :-_STATES].reshape(channels, _GROUPS, _STATES), matrices.blocks[1], out=self._outer)
        self._inner += self._outer
        self._rows[:, :, _BLOCK:] = self._inner[:, :, :-_STATES].reshape(self._ends.shape)
        some = (channels, -1, _FEW, _BLOCK + _STATES)
        np.matmul(self._rows.reshape(some), matrices.output, out=self._filtered.reshape(*some[:3], _BLOCK))
        return self._filtered.reshape(channels, UNIT)


@dataclass(frozen=True)
class Loudness:
    """What EBU R128 asks for. None where every window is below the gate, or the sound is shorter than the window."""

    integrated: float | None  #: LUFS
    range: float | None  #: LU
    momentary_max: float | None  #: LUFS over 0.4 s
    short_term_max: float | None  #: LUFS over 3 s


class LoudnessMeter:
    """Running meter over the units of a stream (``quality_units.Units``). It keeps four bytes per 100 ms."""

    def __init__(self, rate: int, weights: tuple[float, ...]) -> None:
        self._weights = np.array(weights)
        self._filter = KWeighting(rate, len(weights))
        self._energy = HopEnergy(len(weights), max(1, rate // 10))
        self._powers = array("f")

    def add(self, unit: FloatArray) -> None:
        """Take (channels, UNIT) samples; the last unit may be shorter."""
        size = unit.shape[1]
        if size < UNIT:
            unit = np.pad(unit, ((0, 0), (0, UNIT - size)))
        hops = self._energy.add(self._filter.filter(unit)[:, :size])
        if len(hops):
            self._powers.frombytes((hops @ self._weights / self._energy.hop).astype(np.float32).tobytes())

    def powers(self) -> FloatArray:
        """(hops,): weighted mean square of every whole 100 ms so far."""
        return np.array(self._powers, np.float32)


def measure(powers: FloatArray) -> Loudness:
    """The measures from the weighted mean squares of the 100 ms hops."""
    momentary = _windows(powers, _MOMENTARY)
    level, loudest = integrated(momentary), _highest(momentary)
    del momentary  # of ten hours there are megabytes
    short_term = _windows(powers, _SHORT_TERM)
    return Loudness(level, loudness_range(short_term), loudest, _highest(short_term))


def integrated(momentary: FloatArray) -> float | None:
    """Gated loudness in LUFS of the mean squares of 0.4 s windows (BS.1770-4, annex 1)."""
    heard = momentary[momentary > _power(_ABSOLUTE_GATE)]
    if not len(heard):
        return None
    heard = heard[heard > _power(_lufs(_mean(heard)) + _RELATIVE_GATE)]
    return _lufs(_mean(heard))


def loudness_range(short_term: FloatArray) -> float | None:
    """10th to 95th percentile in LU of the loudness of 3 s windows within the gates (EBU Tech 3342)."""
    heard = short_term[short_term > _power(_ABSOLUTE_GATE)]
    if not len(heard):
        return None
    heard = heard[heard > _power(_lufs(_mean(heard)) + _RANGE_GATE)]
    heard.sort()
    low, high = (float(heard[round(share * (len(heard) - 1))]) for share in (0.1, 0.95))
    return _lufs(high) - _lufs(low)


def short_term_curve(powers: FloatArray, every: int) -> tuple[float | None, ...]:
    """Short-term loudness in LUFS at each ``every``-th hop from the first whole window on; None below the gate."""
    gate = _power(_ABSOLUTE_GATE)
    return tuple(_lufs(power) if power > gate else None for power in _windows(powers, _SHORT_TERM)[::every].tolist())


def _windows(powers: FloatArray, length: int) -> FloatArray:
    if len(powers) < length:
        return np.empty(0, np.float32)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(powers, length).mean(axis=1))


def _mean(windows: FloatArray) -> float:
    return float(windows.mean(dtype=np.float64))


def _highest(windows: FloatArray) -> float | None:
    top = float(windows.max()) if len(windows) else 0.0
    return _lufs(top) if top > _power(_ABSOLUTE_GATE) else None


def _lufs(power: float) -> float:
    return -0.691 + 10 * float(np.log10(power))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))
