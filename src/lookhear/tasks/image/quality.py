"""How good a picture is technically: sharpness, noise, compression, exposure; problems in words, one score.

Aim: what a person sorting photographs would reject, each by a published measure.
Reference: blur of Crété-Roffet et al. (SPIE 2007); noise of Immerkær (CVIU 1996) in the flattest tenth; blocks after Wang,
Sheikh & Bovik (ICIP 2002). Problems begin where a Gaussian of 1.5 pixels blurs, where noise has a standard deviation of
about 14 of 255 levels (8 as measured: pictures hold texture), and where JPEG goes below quality 35 or so.
Conventions: of the picture at no more than 1600 pixels on its longer side, blocks only of pictures that were not
reduced. ``sharpness`` is 1 - blur, 0..1; noise in levels of 255; exposure by percentiles of luma (BT.601), 0..1.
quality_score: 1 down to 0.3 as sharpness falls from 0.65 to 0.15, times 0.95, 0.8 or 0.5 for each low, medium or high
problem but blur. One colour: no sharpness, no score, the problem "blank".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.areas import grey
from lookhear.dsp.picture_quality import blockiness, blur, noise
from lookhear.tasks.base import Context, Fold, Form, NoOptions, Picture, PictureFold, Task

_FACTORS = {"low": 0.95, "medium": 0.8, "high": 0.5}
_FLAT = 0.005  # of full scale: a picture whose luma spreads less is blank
_SMALL = 0.05  # megapixels


@dataclass(frozen=True)
class PictureProblem:
    """Something to know before use, in plain words."""

    code: str
    severity: str  #: "low", "medium" or "high"
    message: str


@dataclass(frozen=True)
class PictureQuality:
    """Null where there is too little to measure."""

    quality_score: float | None = None  #: 0..1
    sharpness: float | None = None  #: 0..1
    noise: float | None = None  #: levels of 255
    blockiness: float | None = None  #: 1 = none
    dark: float | None = None  #: 0..1, luma that 95 % of the area stay below
    bright: float | None = None  #: 0..1, luma that 95 % of the area stay above
    contrast: float | None = None  #: 0..0.5, standard deviation of luma
    problems: tuple[PictureProblem, ...] = ()


def measure(pixels: NDArray[np.uint8], megapixels: float, whole: bool) -> PictureQuality:
    """Of (height, width, 3); ``whole``: not reduced, so that blocks are where the encoder put them."""
    luma = grey(pixels)
    bright, dark = (float(value) / 255 for value in np.quantile(luma, (0.05, 0.95)))
    contrast = float(luma.std()) / 255
    if contrast < _FLAT:
        blank = PictureProblem("blank", "high", "There is nothing in it but one colour.")
        return PictureQuality(dark=_short(dark), bright=_short(bright), contrast=_short(contrast), problems=(blank,))
    blurred = blur(luma)
    found = PictureQuality(
        sharpness=None if blurred is None else _short(1 - blurred),
        noise=_short(noise(luma)),
        blockiness=_short(blockiness(luma)) if whole else None,
        dark=_short(dark),
        bright=_short(bright),
        contrast=_short(contrast),
    )
    problems = tuple(sorted(_problems(found, megapixels), key=lambda problem: _FACTORS[problem.severity]))
    values = {**vars(found), "problems": problems}
    return PictureQuality(**{**values, "quality_score": _score(found.sharpness, problems)})


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _score(sharpness: float | None, problems: tuple[PictureProblem, ...]) -> float | None:
    if sharpness is None:
        return None
    value = 1 - 0.7 * float(np.clip((0.65 - sharpness) / 0.5, 0, 1))
    for problem in problems:
        value *= 1.0 if problem.code == "blurred" else _FACTORS[problem.severity]
    return round(value, 4)


def _problems(found: PictureQuality, megapixels: float) -> list[PictureProblem]:
    problems = []

    def judge(code: str, value: float | None, bounds: tuple[float, float, float], message: str) -> None:
        passed = [] if value is None else [name for name, bound in zip(_FACTORS, bounds, strict=True) if value > bound]
        if passed:
            problems.append(PictureProblem(code, passed[-1], message))

    blurred = None if found.sharpness is None else 1 - found.sharpness
    judge(
        "blurred",
        blurred,
        (0.5, 0.62, 0.75),
        "It is blurred: out of focus, shaken, or enlarged from a smaller picture.",
    )
    judge("noisy", found.noise, (8.0, 12.0, 20.0), f"It is noisy, by about {found.noise or 0:.0f} of 255 levels.")
    judge("compressed", found.blockiness, (1.5, 2.0, 2.8), "It is compressed so much that blocks of 8 x 8 pixels show.")
    darkness = None if found.dark is None else 1 - found.dark
    judge("dark", darkness, (0.75, 0.84, 0.92), "It is too dark: hardly anything in it is brighter than a shadow.")
    judge(
        "washed_out",
        found.bright,
        (0.75, 0.85, 0.95),
        "It is too bright: hardly anything in it is darker than a highlight.",
    )
    flat = None if found.contrast is None else 0.5 - found.contrast
    judge("flat", flat, (0.44, 0.46, 0.48), "It has little contrast.")
    if megapixels < _SMALL:
        problems.append(PictureProblem("small", "low", f"It is small: {1e6 * megapixels:.0f} pixels in all."))
    return problems


def _look(context: Context, picture: Picture | None) -> PictureQuality:
    if picture is None:
        return PictureQuality()
    pixels, facts = picture.pixels, context.probe.picture
    seen = (pixels.shape[1], pixels.shape[0])
    size = (facts.width, facts.height) if facts else seen
    return measure(pixels, size[0] * size[1] / 1e6, seen == size)


class PictureQualityTask(Task[NoOptions, PictureQuality]):
    """Technical quality of a picture."""

    name = "quality"
    version = "1"
    summary = "sharpness, noise, compression, exposure; problems and a score"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    headline: ClassVar[dict[str, str]] = {"quality": "quality_score"}
    Result = PictureQuality

    def start(self, context: Context, options: NoOptions) -> Fold[PictureQuality]:
        """A fresh fold."""
        return PictureFold(partial(_look, context))


TASKS = (PictureQualityTask(),)
