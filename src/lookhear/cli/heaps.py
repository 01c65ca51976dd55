"""How memory is kept in a process that runs for weeks."""

from __future__ import annotations

import contextlib
import ctypes

from lookhear.models.devices import processors

_ARENA_MAX = -8


def share_heaps() -> None:
    """Ask glibc for one heap a processor, before threads start: each of its many would keep what was given back to it,
    and grow by megabytes per thousand requests for days."""
    with contextlib.suppress(OSError, AttributeError):  # another libc manages by itself
        ctypes.CDLL(None).mallopt(_ARENA_MAX, max(2, processors()))
