"""What the quality task answers with."""

from __future__ import annotations

from dataclasses import dataclass

from lookhear.dsp.quality_hum import Hum
from lookhear.dsp.quality_levels import Span


@dataclass(frozen=True)
class Clipping:
    """Runs of samples held at a ceiling."""

    ratio: float  #: of all samples, 0..1
    runs: int
    level: float  #: dBFS of the ceiling
    events: tuple[Span, ...]  #: at most 100, runs within 0.5 s joined


@dataclass(frozen=True)
class Silence:
    """Frames of 10 ms below -60 dBFS RMS."""

    leading: float  #: s
    trailing: float  #: s
    longest: float  #: s
    ratio: float  #: of the duration, 0..1


@dataclass(frozen=True)
class Problem:
    """Something to mend, in plain words."""

    code: str
    severity: str  #: "low", "medium" or "high"
    message: str
    start: float | None = None  #: s
    end: float | None = None  #: s


@dataclass(frozen=True)
class QualityResult:
    """Null where there is nothing to measure, or where the measure is not defined for this sound."""

    snr: float | None = None  #: dB
    thd: float | None = None  #: ratio; only of a steady tone
    dynamic_range: float | None = None  #: dB, DR14
    quality_score: float | None = None  #: 0..1
    true_peak: float | None = None  #: dBTP
    sample_peak: float | None = None  #: dBFS
    rms: float | None = None  #: dBFS over all channels; a full-scale sine has -3
    crest_factor: float | None = None  #: dB, sample peak over RMS
    noise_floor: float | None = None  #: dBFS RMS of the quietest 2 % of the sound
    clipping: Clipping | None = None
    silence: Silence | None = None
    bandwidth: float | None = None  #: Hz
    hum: Hum | None = None
    dc_offset: float | None = None  #: of full scale, of the channel that has most
    channel_correlation: float | None = None  #: -1..1, of two channels
    channel_balance: float | None = None  #: dB, left over right; of two channels
    bit_depth: int | None = None  #: bits that are in use; of lossless integer samples
    dropouts: tuple[Span, ...] = ()  #: digital silence of 10 to 500 ms amid sound; at most 100
    dropout_count: int = 0
    problems: tuple[Problem, ...] = ()
