"""Technical facts of a picture: format, size, depth, colour profile, what the camera wrote.

Aim: what the file says about itself.
Reference: the file's header as Pillow reads it; EXIF 2.32 (CIPA DC-008), whose names the ``exif`` entries keep.
Conventions: width and height of the upright picture, in pixels; ``aspect_ratio`` width over height; bits per sample;
latitude and longitude in degrees, north and east positive, altitude in metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from lookhear.tasks.base import Block, Context, Fold, NoOptions, Task

_LOSSLESS = {"png", "bmp", "gif", "tiff"}


@dataclass(frozen=True)
class PictureTechnicalResult:
    """Facts of the header. Null where the file does not say."""

    container: str
    container_name: str
    codec: str | None
    resolution: tuple[int, int] | None = None
    aspect_ratio: float | None = None
    megapixels: float | None = None
    mode: str | None = None  #: "RGB", "RGBA", "L" (grey), "P" (palette), "CMYK", …
    bits_per_sample: int | None = None
    has_alpha: bool | None = None
    orientation: int | None = None  #: EXIF, 1 = stored upright
    frames: int | None = None
    color_profile: str | None = None
    dpi: float | None = None
    lossless: bool | None = None  #: null where the format can be both
    has_audio: bool = False
    exif: dict[str, str | float] = field(default_factory=dict)


class _TechnicalFold:
    def __init__(self, context: Context) -> None:
        self._probe = context.probe

    def add(self, block: Block) -> None:
        """Nothing: the facts are in the header."""

    def finish(self) -> PictureTechnicalResult:
        """The facts."""
        probe, facts = self._probe, self._probe.picture
        codec = probe.video[0].codec if probe.video else None
        if facts is None:
            return PictureTechnicalResult(probe.container, probe.container_name, codec)
        lossless = True if codec in _LOSSLESS else False if codec in ("jpeg", "mpo") else None
        return PictureTechnicalResult(
            container=probe.container,
            container_name=probe.container_name,
            codec=codec,
            resolution=(facts.width, facts.height),
            aspect_ratio=facts.width / facts.height,
            megapixels=round(facts.width * facts.height / 1e6, 3),
            mode=facts.mode,
            bits_per_sample=facts.bits,
            has_alpha=facts.alpha,
            orientation=facts.orientation,
            frames=facts.frames,
            color_profile=facts.color_profile,
            dpi=facts.dpi,
            lossless=lossless,
            exif=facts.exif,
        )


class PictureTechnical(Task[NoOptions, PictureTechnicalResult]):
    """Format, size, depth, colour profile, EXIF."""

    name = "technical"
    version = "1"
    summary = "format, resolution, depth, colour profile, EXIF"
    kinds = frozenset({"image"})
    headline: ClassVar[dict[str, str]] = {"codec": "codec", "size": "resolution"}
    Result = PictureTechnicalResult

    def start(self, context: Context, options: NoOptions) -> Fold[PictureTechnicalResult]:
        """A fold that needs no pixels."""
        return _TechnicalFold(context)


TASKS = (PictureTechnical(),)
