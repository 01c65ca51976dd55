"""Numbers and times as people write them."""

from __future__ import annotations

import math
from typing import Any

MISSING = "—"
_PLACES = {"LUFS": 1, "LU": 1, "dB": 1, "dBFS": 1, "dBTP": 1, "BPM": 1, "cents": 1, "s": 2, "per second": 2, "fps": 3}


def number(value: Any) -> float | None:
    """``value`` if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def numbers(values: Any) -> list[float]:
    """The finite numbers of a list; empty for anything else."""
    if not isinstance(values, (list, tuple)):
        return []
    return [found for value in values if (found := number(value)) is not None]


def amount(value: float, unit: str = "") -> str:
    """A number with its unit, in as many places as it deserves."""
    if unit == "%":
        return f"{_percent(100 * value)} %".replace("-", "−", 1)
    if unit == "Hz":
        return f"{value:,.0f} Hz".replace(",", "\u202f") if abs(value) >= 100 else f"{_digits(value)} Hz"
    if unit == "bit/s":
        return f"{value / 1000:,.0f} kbit/s".replace(",", "\u202f")
    if unit == "bytes":
        return size(value)
    if unit == "clock":
        return clock(value)
    shown = f"{value:.{_PLACES[unit]}f}" if unit in _PLACES else _digits(value)
    if float(shown or 0) == 0:
        shown = shown.lstrip("-")
    return (f"{shown} {unit}" if unit else shown).replace("-", "−", 1)


def _percent(value: float) -> str:
    """Whole above ten, two digits below."""
    return (
        f"{value:.0f}" if abs(value) >= 10 or value == 0 else f"{value:.2g}" if abs(value) >= 1e-3 else f"{value:.0e}"
    )


def _digits(value: float) -> str:
    """Four significant digits, no exponent where it can be helped."""
    if value == int(value) and abs(value) < 1e12:
        return f"{int(value)}"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:.{max(0, 3 - math.floor(math.log10(abs(value))))}f}".rstrip("0").rstrip(".")
    return f"{value:.3g}"


def clock(seconds: float, places: int = 1) -> str:
    """1:02:03, 4:05.6 or 0.05 s."""
    if round(seconds, places) < 60:
        return f"{seconds:.{2 if seconds < 1 else places}f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def size(count: float) -> str:
    """Bytes in a unit of their own."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def time_ticks(duration: float) -> list[tuple[float, str]]:
    """(share of the duration, label) at round times, about eight of them."""
    steps: tuple[float, ...] = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)
    steps += (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200)
    if not duration > 0:
        return []
    step = next((one for one in steps if duration / one <= 9), 86400 * math.ceil(duration / 86400 / 9))
    return [(at * step / duration, _tick(at * step, step, duration)) for at in range(int(duration / step + 1e-9) + 1)]


def _tick(seconds: float, step: float, duration: float) -> str:
    if step < 1:
        places = 3 if step < 0.01 else 2 if step < 0.1 else 1
        return f"{seconds:.{places}f} s"
    return stamp(seconds, duration)


def stamp(seconds: float, duration: float) -> str:
    """1:02:03 or 4:05, alike throughout what is ``duration`` s long."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if duration >= 3600 else f"{60 * hours + minutes}:{rest:02d}"
