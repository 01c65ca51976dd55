"""What a search for copies returns."""

from __future__ import annotations

from dataclasses import dataclass

from lookhear.analysis.report import Refusal

COPIES_VERSION = 1


@dataclass(frozen=True)
class Copy:
    """A file of a group."""

    path: str
    reason: str  #: in words: why it is the best one, or how it compares to that
    score: float  #: likeness to the best one, 0..1; 1 for the same bytes
    offset: float | None  #: s: a moment t of the best one is at t + offset here
    size: int  #: bytes
    spare: int  #: bytes that it takes beside the best one; links take none
    format: str | None = None
    resolution: tuple[int, int] | None = None  #: width, height of pictures and films
    duration: float | None = None  #: s, of sounds and films


@dataclass(frozen=True)
class CopyGroup:
    """The best of several copies, and the others."""

    kind: str | None  #: "audio", "image", "video"; None where the same bytes cannot be decoded
    best: Copy
    copies: tuple[Copy, ...]
    spare: int  #: bytes that the copies take


@dataclass(frozen=True)
class Related:
    """A file that is like another and yet in no group with it."""

    path: str
    to: str
    reason: str
    score: float


@dataclass(frozen=True)
class Copies:
    """What was found in a collection."""

    groups: tuple[CopyGroup, ...] = ()  #: what takes most space first
    related: tuple[Related, ...] = ()
    refused: tuple[Refusal, ...] = ()
    files: int = 0  #: paths looked at
    spare: int = 0  #: bytes that all copies take
    schema_version: int = COPIES_VERSION
