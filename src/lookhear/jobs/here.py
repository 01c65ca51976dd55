"""Which process this is, told so that others on this machine can be certain when it is gone.

A number of a process means something only within one kernel and one namespace of processes, and only together with the time
the process began, since numbers are given out again. Where any of these cannot be read, nobody is ever certain.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SPACES = ("pid", "time")  # containers have their own, and the same host name perhaps
_STATE, _BORN = 0, 19  # fields of stat after the name, counted from 0
_GONE = frozenset("ZX")  # a zombie does nothing any more


@dataclass(frozen=True)
class Where:
    """A process, and where its number counts."""

    host: str
    pid: int
    place: str | None  #: host, kernel since its start, namespaces; None: not known
    born: int | None  #: when it began, in the kernel's own count


def here() -> Where:
    """This process."""
    pid = os.getpid()
    found = _stat(pid)
    return Where(socket.gethostname(), pid, _place(), None if found is None else int(found[_BORN]))


def gone(other: Where) -> bool:
    """Whether it has certainly ended. False: it lives, or cannot be seen from here."""
    if other.place is None or other.born is None or other.place != _place():
        return False
    try:
        found = _stat(other.pid)
    except OSError:
        return False
    if found is None:
        return not _there(other.pid)  # /proc may hide what belongs to others
    return int(found[_BORN]) != other.born or found[_STATE] in _GONE


@cache
def _place() -> str | None:
    try:
        spaces = [os.readlink(f"/proc/self/ns/{space}") for space in _SPACES]
        seen = os.readlink("/proc/self") == str(os.getpid())  # /proc is that of our namespace
        return " ".join([socket.gethostname(), _BOOT.read_text().strip(), *spaces]) if seen else None
    except OSError:
        return None


def _there(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # no signal: only the question whether one could be sent
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is another's
    return True


def _stat(pid: int) -> list[str] | None:
    """What the kernel says of it; None: there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
