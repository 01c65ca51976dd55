"""Still pictures: checked before they are decoded; upright, in sRGB, in eight bits.

Pillow decodes. What all tasks share is one picture of bounded size: JPEG is decoded at a half, a quarter or an eighth
where that is enough, all else is reduced at once. Transparent parts lie on white.
"""

from __future__ import annotations

import io
import threading
import warnings
from functools import lru_cache
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import (  # those of the formats we read; all of them would take 40 ms
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from lookhear.errors import DamagedMedium, LimitExceeded, Unsupported
from lookhear.media.forms import LARGEST, Picture
from lookhear.media.limits import Limits
from lookhear.media.probe import PictureFacts

_FORMATS = {
    "JPEG": "JPEG",
    "MPO": "JPEG with several pictures (MPO)",
    "PNG": "Portable Network Graphics",
    "WEBP": "WebP",
    "AVIF": "AV1 Image File Format",
    "TIFF": "Tagged Image File Format",
    "GIF": "Graphics Interchange Format",
    "BMP": "Windows Bitmap",
    "PPM": "Portable Pixmap",
}
_HEIF = "HEIF"
_HEIF_NAME = "High Efficiency Image File Format"
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})
_PLUGINS = (
    AvifImagePlugin, BmpImagePlugin, GifImagePlugin, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, PpmImagePlugin,
    TiffImagePlugin, WebPImagePlugin,
)  # fmt: skip
_BITS = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I": 16, "F": 32}
_TURNS = {  # EXIF orientation -> what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ROTATED = frozenset({5, 6, 7, 8})  #: EXIF orientations that swap width and height
_NO_HEIF = (
    "HEIC pictures need pi-heif. Install it with: pip install 'lookhear[heif]', or convert the picture to JPEG or PNG."
)
_FORGIVING = threading.Lock()  # Pillow's switch for truncated files is one for the whole process


def describe(raw: IO[bytes] | Any, limits: Limits) -> PictureFacts:
    """The header alone. Raises DamagedMedium, LimitExceeded."""
    with opened(raw, limits) as image, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _facts(image)
        except Exception as error:  # of several pictures Pillow counts the frames, and meets what is broken
            raise DamagedMedium(f"Its header is damaged ({error}). Get a fresh copy of the file.") from error


def _facts(image: Image.Image) -> PictureFacts:
    orientation = _orientation(image)
    width, height = image.size[::-1] if orientation in _ROTATED else image.size
    profile = image.info.get("icc_profile")
    return PictureFacts(
        format=str(image.format),
        format_name=_FORMATS.get(str(image.format), _HEIF_NAME),
        width=width,
        height=height,
        mode=image.mode,
        bits=_BITS.get(image.mode) or int(image.info.get("bit_depth", 8)),
        alpha=image.has_transparency_data,
        orientation=orientation,
        frames=int(getattr(image, "n_frames", 1)),
        color_profile=_profile_name(profile) if profile else None,
        dpi=_dpi(image),
        exif=_exif(image),
    )


def decode(raw: IO[bytes] | Any, limits: Limits, side: int | None = LARGEST) -> Picture:
    """The picture (of several the first), reduced to ``side`` pixels on the longer side where that is given.

    Raises as ``describe`` does; a file cut short gives what is there.
    """
    try:
        return _decoded(raw, limits, side, truncated=False)
    except DamagedMedium:
        if is_heif(_head(raw)):
            raise  # its decoder gives all or nothing
        with _FORGIVING:
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            try:
                return _decoded(raw, limits, side, truncated=True)
            finally:
                ImageFile.LOAD_TRUNCATED_IMAGES = False


def as_jpeg(pixels: NDArray[np.uint8], longest: int) -> tuple[bytes, int, int]:
    """A JPEG of (height, width, 3) pixels, reduced to ``longest`` on its longer side, and its width and height."""
    image, out = Image.fromarray(pixels), io.BytesIO()
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    image.save(out, "JPEG", quality=82, optimize=True)
    return out.getvalue(), *image.size


def is_heif(head: bytes) -> bool:
    """Do these first 12 bytes begin a HEIC picture, or another of its container?"""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def _head(raw: IO[bytes] | Any) -> bytes:
    raw.seek(0)
    head: bytes = raw.read(12)
    raw.seek(0)
    return head


@lru_cache(maxsize=1)
def _heif_opens() -> bool:
    """Make Pillow open HEIC, which turns it upright by itself; False without pi-heif."""
    try:
        import pi_heif
    except ImportError:
        return False
    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return True


def opened(raw: IO[bytes] | Any, limits: Limits) -> Image.Image:
    """Pillow's handle, within the limits, nothing decoded yet.

    Raises DamagedMedium, LimitExceeded, and Unsupported for HEIC without pi-heif.
    """
    formats = [name for name in _FORMATS if name != "MPO"]  # the JPEG plugin knows those
    heif = is_heif(_head(raw))
    if heif and _heif_opens():
        formats.append(_HEIF)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is no news to the user
            image = Image.open(raw, formats=formats)
    except UnidentifiedImageError as error:
        if heif and not _heif_opens():
            raise Unsupported(_NO_HEIF) from error
        raise DamagedMedium("Its header is damaged. Get a fresh copy of the file.") from error
    except Image.DecompressionBombError as error:
        raise LimitExceeded(_too_large("It", limits)) from error
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, EOFError) as error:
        raise DamagedMedium(f"Its header is damaged ({error}). Get a fresh copy of the file.") from error
    _check_size(image, limits)
    return image


def _check_size(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise DamagedMedium(f"Its header claims {width} x {height} pixels. Get a fresh copy of the file.")
    if width * height > limits.max_image_pixels:
        raise LimitExceeded(_too_large(f"It has {width} x {height} pixels and", limits))


def _too_large(what: str, limits: Limits) -> str:
    return f"{what} is larger than MAX_IMAGE_PIXELS={limits.max_image_pixels} allows. Raise it if that is meant to be."


def upright(image: Image.Image) -> NDArray[np.uint8]:
    """The frame that is open now: turned upright, on white, in its own size."""
    turn = _TURNS.get(_orientation(image))
    flat = _srgb(_eight_bits(image), None)
    return np.asarray(flat if turn is None else flat.transpose(turn), np.uint8)


def _decoded(raw: IO[bytes] | Any, limits: Limits, side: int | None, *, truncated: bool) -> Picture:
    with opened(raw, limits) as image, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        orientation, profile = _orientation(image), image.info.get("icc_profile")
        try:
            if side is not None:
                image.draft("RGB", _size_within(image.size, side))
            image.load()
        except MemoryError:
            raise
        except Exception as error:  # decoders of hostile files come up with anything
            raise DamagedMedium(f"It cannot be decoded ({error}). Get a fresh copy of the file.") from error
        _check_size(image, limits)  # what is in a HEIC may be larger than its header says
        small = _reduced(_eight_bits(image), side)
        turn = _TURNS.get(orientation)
        small = small if turn is None else small.transpose(turn)
        alpha = _frozen(small.convert("RGBA").getchannel("A")) if small.has_transparency_data else None
        return Picture(_frozen(_srgb(small, profile)), truncated, alpha=alpha)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16 bits and floats scaled to 8."""
    if image.mode not in _BITS or image.mode == "1":
        return image
    values: NDArray[np.float32] = np.asarray(image, np.float32)
    if image.mode == "F":
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        values = (np.nan_to_num(values, nan=low) - np.float32(low)) * np.float32(255 / max(high - low, 1e-12))
    else:
        values = values / np.float32(257)
    return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))


def _reduced(image: Image.Image, side: int | None) -> Image.Image:
    if image.mode in ("1", "P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    longest = max(image.size)
    if side is None or longest <= side:
        return image
    return image.resize(_size_within(image.size, side), Image.Resampling.BOX, reducing_gap=2.0)


def _size_within(size: tuple[int, int], side: int) -> tuple[int, int]:
    """``size``, reduced to ``side`` on its longer side if it is larger."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(white, rgba).convert("RGB")
    if profile and image.mode in ("RGB", "L", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a broken profile, or one of another colour space: take the numbers as they are
    if image.mode == "LAB":
        lab = ImageCms.profileToProfile(
            image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        assert lab is not None
        return lab
    return image if image.mode == "RGB" else image.convert("RGB")


def _frozen(image: Image.Image) -> NDArray[np.uint8]:
    pixels = np.array(image, np.uint8)
    pixels.flags.writeable = False
    return pixels


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
        return value if isinstance(value, int) and 1 <= value <= 8 else 1
    except Exception:
        return 1


def _profile_name(profile: bytes) -> str:
    try:
        return str(ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))).strip()
    except Exception:
        return "unreadable"


def _dpi(image: Image.Image) -> float | None:
    try:
        return float(image.info["dpi"][0]) or None
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
        return None


_TOLD = {
    "Make", "Model", "LensModel", "Software", "Artist", "Copyright", "ImageDescription", "DateTime", "DateTimeOriginal",
    "OffsetTimeOriginal", "ExposureTime", "FNumber", "ISOSpeedRatings", "FocalLength", "FocalLengthIn35mmFilm", "Flash",
}  # fmt: skip


def _exif(image: Image.Image) -> dict[str, str | float]:
    """Camera, lens, exposure, time, place: EXIF's names; latitude and longitude in degrees, altitude in metres."""
    found: dict[str, str | float] = {}
    try:
        exif = image.getexif()
        tags = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:  # Pillow raises whatever a broken directory leads it to
        return found
    for number, value in tags.items():
        name = ExifTags.TAGS.get(number, "")
        if name in _TOLD and (told := _told(value)) is not None:
            found[name] = told
    for name, value, reference in (("latitude", 2, 1), ("longitude", 4, 3)):
        if (degrees := _degrees(place.get(value), place.get(reference))) is not None:
            found[name] = degrees
    if isinstance(altitude := _told(place.get(6)), float):
        found["altitude"] = altitude
    return dict(sorted(found.items()))


def _told(value: Any) -> str | float | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value.replace("\0", " ").strip() or None
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if np.isfinite(number) else None


def _degrees(parts: Any, reference: Any) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if not np.isfinite(value):
        return None
    return round(-value if str(reference).upper()[:1] in ("S", "W") else value, 7)
