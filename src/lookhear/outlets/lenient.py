"""Messages that others wrote against the rules: bytes that are no text, times that no calendar has.

pamqp ends the whole connection for one. The broker then delivers the message again, for ever, and nobody gets at those
behind it.
"""

from __future__ import annotations

from typing import Any


def bear_odd_messages() -> None:
    """From now on what cannot be read of one is left out, or has marks in its place; bodies are as they came."""
    from pamqp import decode

    decode.METHODS.update(shortstr=_text, timestamp=_time, table=_table)
    decode.TABLE_MAPPING.update({b"T": _time, b"F": _table})


def _text(value: bytes) -> tuple[int, str]:
    end = 1 + value[0]
    return end, value[1:end].decode(errors="replace")


def _time(value: bytes) -> tuple[int, Any]:
    from pamqp import decode

    try:
        return decode.timestamp(value)
    except (ValueError, OverflowError, OSError):
        return 8, None


def _table(value: bytes) -> tuple[int, Any]:
    from pamqp import decode

    try:
        return decode.field_table(value)
    except ValueError:
        return 4 + int.from_bytes(value[:4]), {}
