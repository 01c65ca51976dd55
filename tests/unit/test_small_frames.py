"""Frames as tasks see them: small ones by a few pixels or by all, the middle of large ones, and motion vectors."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Interpolation
from numpy.typing import NDArray

from lookhear.dsp.areas import area_means, grey
from lookhear.media.decoder import Decoder
from lookhear.media.few import FewPixels
from lookhear.media.forms import Form, Frames, Picture, Sampling
from lookhear.media.medium import open_medium
from lookhear.media.planes import apart, middle
from lookhear.media.seen import Seen
from lookhear.media.small import SmallFrames
from support.film import encode, panned, texture

APART = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv411p", "yuva420p", "yuv420p10le", "yuv422p12le")
OTHERS = ("nv12", "p010le", "gray", "rgb24", "gbrp", "yuyv422", "yuv420p10be", "yuv420p16le", "yuv444p10msble")


def frame_of(pixels: NDArray[np.uint8], layout: str) -> VideoFrame:
    frame = VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=layout)
    frame.color_range = ColorRange.JPEG if layout.startswith("yuvj") else frame.color_range
    return frame


def small(*frames: VideoFrame, rotation: int = 0) -> Frames:
    seen = Seen(width=frames[0].width, height=frames[0].height, rotation=rotation)
    reducer = SmallFrames(seen, motion=False)
    for index, frame in enumerate(frames):
        assert not list(reducer.add(index, index / 25, frame))
    (run,) = reducer.finish(len(frames) / 25)
    return run


@pytest.mark.parametrize("layout", APART + OTHERS)
@pytest.mark.parametrize(("height", "width"), [(720, 1280), (1081, 1926)])
def test_a_few_pixels_say_what_all_say_in_any_layout(layout: str, height: int, width: int) -> None:
    picture = texture(height, width)
    frame = frame_of(picture, layout)
    assert apart(frame) == (layout in (*APART, "yuv420p16le", "yuv444p10msble"))
    assert FewPixels.suits(frame) == (layout in APART)
    run = small(frame)
    rows, columns = run.luma.shape[1:]
    off = run.luma[0] - area_means(grey(picture).astype(float), rows, columns)
    assert abs(off.mean()) < 1.0 and np.abs(off).mean() < 4
    if layout == "gray":
        assert (np.abs(run.chroma.astype(int) - 128) <= 2).all()
        return
    exact = frame_of(picture, "yuv444p").reformat(
        columns, rows, "yuv420p", interpolation=Interpolation.AREA, dst_color_range=ColorRange.JPEG
    )
    assert run.chroma.shape[2:] == (-(-rows // 2), -(-columns // 2))
    for found, plane in zip(run.chroma[0], exact.planes[1:], strict=True):
        true = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width]
        off = found - true.astype(float)
        assert abs(off.mean()) < 1.0 and np.abs(off).mean() < 3


def test_black_and_white_are_the_ends_of_the_range() -> None:
    for level, expected in ((0, 0), (255, 255)):
        for layout in APART:
            run = small(frame_of(np.full((720, 1280, 3), level, np.uint8), layout))
            assert (run.luma == expected).all() and (np.abs(run.chroma.astype(int) - 128) <= 1).all(), layout


def test_frames_may_change_their_layout_on_the_way() -> None:
    picture = texture(720, 1280)
    frames = [
        frame_of(picture, "yuv420p"),
        frame_of(picture, "yuv444p"),
        frame_of(picture[:, :1000], "yuv420p"),
        frame_of(picture[:320, :480], "yuv420p"),
        frame_of(picture, "nv12"),
    ]
    run = small(*frames)
    assert run.luma.shape == (5, 72, 128)
    for other in (1, 4):
        assert np.abs(run.luma[0] - run.luma[other].astype(float)).mean() < 4


def test_frames_are_turned_upright() -> None:
    frame = frame_of(texture(720, 1280), "yuv420p")
    plain = small(frame)
    for rotation in (90, 180, 270):
        turned = small(frame, rotation=rotation)
        np.testing.assert_array_equal(turned.luma[0], np.rot90(plain.luma[0], -rotation // 90))
        np.testing.assert_array_equal(turned.chroma[0, 1], np.rot90(plain.chroma[0, 1], -rotation // 90))


@pytest.mark.parametrize("layout", APART)
@pytest.mark.parametrize(("height", "width"), [(720, 1280), (483, 645), (300, 2000), (100, 90)])
def test_the_middle_is_cut_out_as_it_is(layout: str, height: int, width: int) -> None:
    frame = frame_of(texture(height, width), layout)
    cut = middle(frame, 640, 480)
    assert (cut.width, cut.height, cut.format.name) == (min(width, 640), min(height, 480), layout)
    left, top = (width - cut.width) // 2 // 4 * 4, (height - cut.height) // 2 // 4 * 4
    whole, part = (one.to_ndarray(format="rgb24").astype(int) for one in (frame, cut))
    inner = np.s_[4:-4, 4:-4]  # chroma is spread over neighbours, which the cut lacks at its edges
    off = whole[top : top + cut.height, left : left + cut.width][inner] - part[inner]
    if width % 4 or height % 4:  # FFmpeg stretches the chroma of odd sizes
        assert np.abs(off).mean() < 3
    else:
        assert np.abs(off).max() <= 2


def bidirectional(count: int = 60) -> bytes:
    options = {"bf": "3", "b-pyramid": "none", "b-adapt": "0", "g": "12", "crf": "30", "sc_threshold": "0"}
    return encode(panned(count, step=3, height=360, width=640), container="matroska", options=options)


def pictures(data: bytes, sampling: Sampling, *forms: Form) -> list[Picture]:
    with open_medium(data) as medium:
        items = list(Decoder(medium, frozenset({Form.PIXELS, *forms}), [sampling]))
    return [item[1] for item in items if isinstance(item, tuple) and isinstance(item[1], Picture)]


def test_pictures_not_scaled_are_those_of_a_plain_decoder_and_of_frames_encoded_well() -> None:
    data = bidirectional()
    with av.open(io.BytesIO(data)) as container:
        plain = [(frame.pict_type, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    found = pictures(data, Sampling(seconds=0.5, side=None), Form.FRAMES)
    assert len(found) == 5
    for picture in found:
        kind, pixels = plain[picture.index or 0]
        assert kind != PictureType.B
        np.testing.assert_array_equal(picture.pixels, pixels)
    often = pictures(data, Sampling(seconds=0.1, side=None), Form.FRAMES)
    assert len(often) == 24  # soon enough, a B frame must do


def test_pictures_of_a_second_pass_are_those_of_a_plain_decoder() -> None:
    data = bidirectional()
    with av.open(io.BytesIO(data)) as container:
        plain = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    found = pictures(data, Sampling(at=tuple(range(60))))
    assert all((picture.pixels == pixels).all() for picture, pixels in zip(found, plain, strict=True))


def test_small_frames_are_the_same_whatever_else_is_wanted_and_nearly_those_of_a_plain_decoder() -> None:
    data = bidirectional()
    found = []
    for samplings in ((), [Sampling(side=640)], [Sampling(frames=7)]):
        with open_medium(data) as medium:
            items = list(Decoder(medium, frozenset({Form.FRAMES, Form.PIXELS}), samplings))
        found.append(np.concatenate([item.luma for item in items if isinstance(item, Frames)]))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    with av.open(io.BytesIO(data)) as container:
        plain = np.concatenate([small(frame).luma for frame in container.decode(video=0)])
    off = np.abs(found[0] - plain.astype(float)).mean(axis=(1, 2))
    assert 0 < off.max() < 1 and (off == 0).sum() >= 15  # blocks of frames that others are predicted from are smoothed


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"bf": "3", "g": "10", "sc_threshold": "0", "preset": "veryfast"}),
        ("mpeg4", {"bf": "2", "g": "10", "qscale": "3", "sc_threshold": "1000000000"}),
    ],
)
def test_motion_is_the_same_each_time(codec: str, options: dict[str, str]) -> None:
    """FFmpeg hands out the vectors of frames that another thread still decodes, unless it is kept from it."""
    rng = np.random.default_rng(3)
    grain = rng.integers(0, 60, (720, 1280, 3), np.uint8)
    frames = [np.roll(grain, 31 * i, axis=1) // 2 + frame // 2 for i, frame in enumerate(panned(48, 4, 720, 1280))]
    data = encode(frames, codec=codec, container="matroska", options=options)
    runs = []
    for _ in range(8):
        with open_medium(data) as medium:
            items = [
                item for item in Decoder(medium, frozenset({Form.FRAMES, Form.MOTION})) if isinstance(item, Frames)
            ]
        runs.append(np.concatenate([item.motion for item in items if item.motion is not None]))
    assert np.isfinite(runs[0]).sum() >= 4 * 4
    for run in runs[1:]:
        np.testing.assert_array_equal(run, runs[0])
