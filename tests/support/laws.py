"""Comparing results."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

_PACKED = 64  # characters: longer text without a blank is packed data


def same(a: Any, b: Any, path: str = "", tolerance: float = 1e-4) -> str | None:
    """None where two plain values are equal but for rounding; else where they differ, and how."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return next((found for key in a if (found := same(a[key], b[key], f"{path}.{key}", tolerance))), None)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        pairs = enumerate(zip(a, b, strict=True))
        return next((found for i, (x, y) in pairs if (found := same(x, y, f"{path}[{i}]", tolerance))), None)
    if isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance):
        return None
    if a == b or (isinstance(a, str) and isinstance(b, str) and _nearly(a, b)):
        return None
    return f"{path}: {str(a)[:80]} is not {str(b)[:80]}"


def _nearly(a: str, b: str) -> bool:
    """Packed bytes or bits, of which rounding may tip one in a thousand over."""
    if min(len(a), len(b)) < _PACKED or len(a) != len(b):
        return False
    try:
        first, second = (base64.b64decode(text.rpartition(".")[2], validate=True) for text in (a, b))
    except binascii.Error:
        return False
    return sum(x != y for x, y in zip(first, second, strict=True)) <= max(1, len(first) // 1000)
