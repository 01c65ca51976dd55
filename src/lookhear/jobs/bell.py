"""A bell that hangs at a file: whoever touches the file, in any process of this machine, rings it. It costs nothing idle."""

from __future__ import annotations

import ctypes
import os
import select
from contextlib import suppress
from pathlib import Path
from typing import Any

_ATTRIB = 0x4  # IN_ATTRIB: times of a file were set
_NONBLOCK, _CLOEXEC = 0o4000, 0o2000000
_TRIAL = 0.25  # s within which a bell that works has rung
_EVENTS = 1 << 16  # bytes read at once; what is left rings again


class Bell:
    """Hangs in the folder of a file, since the file itself may be made anew. Only Linux has it (inotify)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ears = _listening(path.parent)
        self._nudge = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    @classmethod
    def hung(cls, path: Path) -> Bell | None:
        """One that has rung on trial; None where that is not to be had, as on some network file systems."""
        try:
            bell = cls(path)
        except (OSError, AttributeError):
            return None
        if ring(path) and bell.wait(_TRIAL):
            return bell
        bell.close()
        return None

    def wait(self, seconds: float) -> bool:
        """Until it rings, or so long, or ``nudge``; whether it rang."""
        poll = select.poll()
        poll.register(self._ears, select.POLLIN)
        poll.register(self._nudge, select.POLLIN)
        rang = {number for number, _ in poll.poll(max(0.0, seconds) * 1000)}
        for number in rang:
            with suppress(BlockingIOError):
                os.read(number, _EVENTS if number == self._ears else 8)
        return self._ears in rang

    def nudge(self) -> None:
        """Whoever waits goes on."""
        os.eventfd_write(self._nudge, 1)

    def close(self) -> None:
        """Nobody waits for it any more."""
        os.close(self._ears)
        os.close(self._nudge)


def ring(path: Path) -> bool:
    """Touches the file; False: it cannot be."""
    try:
        os.utime(path)
        return True
    except OSError:
        return False


def _listening(folder: Path) -> int:
    """A file of the kernel's that can be read once something in ``folder`` was touched. Raises OSError, AttributeError."""
    library: Any = ctypes.CDLL(None, use_errno=True)
    ears: int = library.inotify_init1(_NONBLOCK | _CLOEXEC)
    if ears < 0:
        raise OSError(ctypes.get_errno(), "no inotify")
    if library.inotify_add_watch(ears, os.fsencode(folder), _ATTRIB) < 0:
        os.close(ears)
        raise OSError(ctypes.get_errno(), "the folder cannot be watched")
    return ears
