"""Films: when each frame is shown, how it is turned and shaped, what is sampled, and what damage costs."""

from __future__ import annotations

import io
import itertools
import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import lookhear
from lookhear.dsp.areas import area_means, grey
from lookhear.errors import EmptyMedium, LimitExceeded, LookhearError
from lookhear.media.decoder import Decoder
from lookhear.media.forms import Form, Frames, Picture, Samples, Sampling
from lookhear.media.limits import Limits
from lookhear.media.medium import open_medium
from lookhear.media.seen import Seen
from support.film import encode, number_of, numbered, panned, texture
from support.sound import tone


def decoded(data: bytes, *forms: Form) -> tuple[list[Frames], Seen]:
    with open_medium(data) as medium:
        decoder = Decoder(medium, frozenset({Form.FRAMES, *forms}))
        return [item for item in decoder if isinstance(item, Frames)], decoder.seen


def times_of(runs: list[Frames]) -> np.ndarray:
    return np.concatenate([run.times for run in runs])


def luma_of(runs: list[Frames]) -> np.ndarray:
    return np.concatenate([run.luma for run in runs])


def sampled(data: bytes, sampling: Sampling) -> list[Picture]:
    with open_medium(data) as medium:
        items = list(Decoder(medium, frozenset({Form.PIXELS}), [sampling]))
    return [item[1] for item in items if isinstance(item, tuple) and isinstance(item[1], Picture)]


@pytest.mark.parametrize(
    "container, codec", [("mp4", "libx264"), ("matroska", "libx264"), ("mpegts", "mpeg2video"), ("avi", "mpeg4")]
)
def test_every_frame_is_there_in_order_and_on_time(container: str, codec: str) -> None:
    runs, seen = decoded(encode(numbered(100), container=container, codec=codec))
    assert [number_of(frame) for frame in luma_of(runs)] == list(range(100)) == list(range(seen.frames))
    np.testing.assert_allclose(times_of(runs), np.arange(100) / 25, atol=1e-6)
    assert [run.start for run in runs] == [0, 32, 64, 96]
    assert np.concatenate([run.seconds for run in runs]) == pytest.approx(0.04, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(gaps=st.lists(st.integers(5, 900), min_size=1, max_size=50))
def test_variable_frame_rates_are_exact(gaps: list[int]) -> None:
    times = [0.0, *itertools.accumulate(gap / 1000 for gap in gaps)]
    runs, _ = decoded(encode(numbered(len(times)), times=times, container="matroska"))
    np.testing.assert_allclose(times_of(runs), times, atol=1.01e-3)
    assert [number_of(frame) for frame in luma_of(runs)] == list(range(len(times)))


def test_a_late_start_is_kept_beside_the_sound_and_dropped_alone() -> None:
    late = [1.5 + i / 10 for i in range(10)]
    alone, seen = decoded(encode(numbered(10), times=late, container="matroska"))
    assert times_of(alone)[0] == 0 and seen.first == 0
    beside, seen = decoded(encode(numbered(10), times=late, container="matroska", sound=tone(3)[0]))
    assert seen.first == pytest.approx(1.5, abs=0.03) and times_of(beside)[0] == seen.first


def raw_h264(frames: list[np.ndarray], rate: int = 25) -> bytes:
    """A stream without a container, and so without times."""
    with av.open(io.BytesIO(encode(frames, rate=rate))) as film:
        annexb = av.BitStreamFilterContext("h264_mp4toannexb", film.streams.video[0])
        return b"".join(bytes(part) for packet in film.demux() for part in annexb.filter(packet))


def test_frames_without_times_follow_the_rate() -> None:
    runs, _ = decoded(raw_h264(numbered(40)))
    assert [number_of(frame) for frame in luma_of(runs)] == list(range(40))
    assert np.all(np.diff(times_of(runs)) > 0)


def test_a_clock_that_is_set_back_goes_on() -> None:
    part = encode(numbered(50), container="mpegts", codec="mpeg2video")
    runs, seen = decoded(part + part)
    assert seen.frames == 100 and seen.ran_back == 1 and np.all(np.diff(times_of(runs)) > 0)
    report = lookhear.analyze(part + part, ["scenes"])
    assert any("jumps back" in note.message for note in report.warnings)


def test_rotation_turns_frames_pictures_and_movement() -> None:
    upright = panned(40)
    plain = lookhear.analyze(encode(upright), ["visual", "technical", "colors"])
    for rotation in (90, 180, 270):
        stored = [np.rot90(frame, rotation // 90) for frame in upright]  # counter-clockwise: a player turns it back
        data = encode(stored, rotation=rotation)
        report = lookhear.analyze(data, ["visual", "technical", "colors"])
        assert report["technical"].rotation == rotation and report["technical"].resolution == (320, 180)
        runs, _ = decoded(data)
        assert abs(luma_of(runs)[:1].astype(float) - luma_of(decoded(encode(upright))[0])[:1]).mean() < 2
        moved, expected = (np.median(found["visual"].motion_vectors[1:], axis=0) for found in (report, plain))
        np.testing.assert_allclose(moved, expected, atol=0.02)
        assert expected[0] == pytest.approx(-2 * 25 / 320, abs=0.02)
        assert report["colors"].brightness == pytest.approx(plain["colors"].brightness, abs=0.01)


def test_pixels_that_are_not_square_are_stretched() -> None:
    data = encode([texture(576, 720)] * 5, pixel_aspect=Fraction(64, 45))
    assert lookhear.analyze(data, ["technical"])["technical"].resolution == (1024, 576)
    runs, _ = decoded(data)
    height, width = runs[0].luma.shape[1:]
    assert width / height == pytest.approx(1024 / 576, rel=0.03)
    assert sampled(data, Sampling())[0].pixels.shape == (576, 1024, 3)


@pytest.mark.parametrize("matrix", [1, 8, 9, 10, 11, 12, 13, 14])
def test_films_in_any_colour_space_are_looked_at(matrix: int) -> None:
    """FFmpeg's scaler refuses those that it has no matrix for."""
    frames = [texture()] * 5
    report = lookhear.analyze(encode(frames, matrix=matrix), ["colors", "scenes", "quality", "technical"])
    assert report.errors == () and report["colors"].brightness == pytest.approx(texture().mean() / 255, abs=0.05)
    assert report["technical"].frames == 5


def test_ten_bits_and_high_dynamic_range_are_told() -> None:
    grey = [np.full((64, 64, 3), 128, np.uint8)] * 5
    data = encode(
        grey,
        codec="libx265",
        pix_fmt="yuv420p10le",
        color_trc=16,
        container="matroska",
        options={"x265-params": "log-level=none"},
    )
    facts = lookhear.analyze(data, ["technical"])["technical"]
    assert facts.bits_per_sample == 10 and facts.hdr == "PQ" and facts.pixel_format == "yuv420p10le"
    runs, _ = decoded(data)
    assert abs(luma_of(runs).astype(int) - 128).max() <= 2


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF"])
def test_pictures_that_move_are_films(form: str) -> None:
    frames = [Image.fromarray(frame) for frame in numbered(6)]
    out = io.BytesIO()
    options = {"lossless": True} if form == "WEBP" else {}
    frames[0].save(
        out, form, save_all=True, append_images=frames[1:], duration=[100, 200, 300, 100, 100, 200], loop=0, **options
    )
    report = lookhear.analyze(out.getvalue(), ["technical", "scenes"])
    assert report.medium.kind == "video" and report.medium.duration == pytest.approx(1.0) and report.errors == ()
    runs, _ = decoded(out.getvalue())
    np.testing.assert_allclose(times_of(runs), [0, 0.1, 0.3, 0.6, 0.7, 0.8], atol=1e-6)
    assert [number_of(frame) for frame in luma_of(runs)] == list(range(6))


def test_samplings_pick_the_frames_they_name() -> None:
    data = encode(numbered(100))
    by_time = sampled(data, Sampling(seconds=1.0))
    assert [(one.index, number_of(one.pixels)) for one in by_time] == [(0, 0), (25, 25), (50, 50), (75, 75)]
    assert [one.time for one in by_time] == [0.0, 1.0, 2.0, 3.0]
    assert [one.index for one in sampled(data, Sampling(frames=30))] == [0, 30, 60, 90]
    assert [number_of(one.pixels) for one in sampled(data, Sampling(at=(3, 77)))] == [3, 77]
    assert len(sampled(data, Sampling(seconds=0.01, most=10))) == 10
    assert max(sampled(encode([texture()] * 2), Sampling(side=100))[0].pixels.shape) == 100


def test_key_frames_of_scenes_are_looked_at_in_a_second_pass() -> None:
    shots = [texture(seed=seed) for seed in (1, 2, 3)]
    data = encode([shot for shot in shots for _ in range(50)])
    report = lookhear.analyze(data, ["colors", "scenes"], {"colors": {"per_scene": True}})
    keys = [scene.key_time for scene in report["scenes"].scenes]
    assert len(keys) == 3 and [color.time for color in report["colors"].over_time] == keys
    alone = lookhear.analyze(data, ["colors"], {"colors": {"per_scene": True}})
    assert alone["colors"] == report["colors"] and [finding.task for finding in alone.findings] == ["colors"]


def test_options_that_only_films_have_leave_pictures_alone() -> None:
    out = io.BytesIO()
    Image.fromarray(texture()).save(out, "PNG")
    assert lookhear.analyze(out.getvalue(), ["colors"], {"colors": {"frame_interval": 3}})["colors"].brightness
    with pytest.raises(LookhearError, match="no option 'frames_interval'"):
        lookhear.analyze(out.getvalue(), ["colors"], {"colors": {"frames_interval": 3}})
    with pytest.raises(LookhearError, match="frame_interval ≥ 1"):
        lookhear.analyze(out.getvalue(), ["colors"], {"colors": {"frame_interval": 0}})


def test_sound_and_frames_come_from_one_pass_and_are_what_each_is_alone() -> None:
    sound = tone(4)[0]
    data = encode(numbered(100), sound=sound)
    with open_medium(data) as medium:
        items = list(Decoder(medium, frozenset({Form.FRAMES, Form.NATIVE})))
    runs = [item for item in items if isinstance(item, Frames)]
    heard = [item[1] for item in items if isinstance(item, tuple) and isinstance(item[1], Samples)]
    kinds = [isinstance(item, Frames) for item in items]
    assert sum(run.luma.shape[0] for run in runs) == 100 and len(set(map(bool, kinds[:-2]))) == 2
    assert sum(run.data.shape[-1] for run in heard) == pytest.approx(len(sound), abs=2048)
    both = lookhear.analyze(data, ["visual", "perceptual"])
    alone = lookhear.analyze(data, ["visual"]), lookhear.analyze(data, ["perceptual"])
    assert both["visual"] == alone[0]["visual"] and both["perceptual"] == alone[1]["perceptual"]


def test_a_film_cut_short_gives_what_is_there() -> None:
    data = encode(panned(100), container="matroska")
    report = lookhear.analyze(data[: len(data) // 2], ["scenes", "visual", "technical"])
    assert not report.complete and report.errors == () and 0 < report["technical"].frames < 100
    assert any("cut short" in note.message or "breaks off" in note.message for note in report.warnings)


def test_damage_in_the_middle_costs_frames_but_not_the_film() -> None:
    data = bytearray(encode(panned(100), container="mpegts", codec="mpeg2video"))
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    report = lookhear.analyze(bytes(data), ["scenes", "technical"])
    assert not report.complete and report.errors == () and report["technical"].frames > 50
    assert report["scenes"].scenes[-1].end == pytest.approx(4.0, abs=0.2)


def test_a_track_without_a_frame_costs_only_the_tasks_that_look() -> None:
    report = lookhear.analyze(encode([], container="matroska", sound=tone(2)[0]), ["scenes", "perceptual"])
    assert [(error.task, error.code) for error in report.errors] == [("scenes", EmptyMedium.code)]
    assert "not one frame" in report.errors[0].message and report["perceptual"].loudness is not None


def test_limits_hold() -> None:
    data = encode([texture(180, 320)] * 50)
    with pytest.raises(LimitExceeded, match="MAX_FRAME_PIXELS"):
        lookhear.analyze(data, limits=Limits(max_frame_pixels=10_000))
    with pytest.raises(LimitExceeded, match="MAX_MEDIA_SECONDS"):
        lookhear.analyze(data, limits=Limits(max_media_seconds=1))
    with open_medium(
        raw_h264(numbered(50)), Limits(max_media_seconds=1.02)
    ) as medium:  # which does not say how long it is
        decoder = Decoder(medium, frozenset({Form.FRAMES}))
        assert sum(len(item.times) for item in decoder if isinstance(item, Frames)) == 26 and decoder.seen.cut_at_limit


def test_the_frames_of_the_counter_say_where_they_are(shared: Path) -> None:
    """Each shows its number, from 1, and its time; read by our own eyes, the task ocr."""
    path = shared / "video" / "counter.mp4"
    report = lookhear.analyze(path, ["ocr", "technical"], {"ocr": {"frame_interval": 4}})
    assert report["technical"].frames == 30
    read = {}
    for frame in report["ocr"].frames:
        words = " ".join(region.text for region in frame.regions)
        found = re.search(r"Frame\D*(\d+).*PTS\D*(\d+\.\d)", words)
        if found:
            read[frame.frame] = int(found[1]), float(found[2])
        assert frame.time == pytest.approx(frame.frame / 10, abs=1e-6)
    assert len(read) >= 7 and all(number == index + 1 and time == index / 10 for index, (number, time) in read.items())


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (1280, 720), (1080, 1920), (2160, 3840), (720, 1282)])
def test_large_frames_are_sampled_so_that_they_are_nearly_the_mean_of_what_they_cover(height: int, width: int) -> None:
    picture = texture(height, width)
    for rotation in (0, 90):
        data = encode([picture] * 2, rotation=rotation, options={"crf": "8", "preset": "ultrafast"})
        (frames,), _ = decoded(data)
        shown = np.rot90(picture, -rotation // 90)
        rows, columns = frames.luma.shape[1:]
        assert columns / rows == pytest.approx(shown.shape[1] / shown.shape[0], rel=0.02)
        true = area_means(grey(shown).astype(float), rows, columns)
        off = frames.luma[0] - true
        assert abs(off.mean()) < 1.5 and np.abs(off).mean() < 5
