"""The films that scenes are judged on: their truth must be true, and so must the judge."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from evals.films.camera import SIZE
from evals.films.edit import WIPES, Film, Flash, Join
from evals.films.places import PLACES
from evals.films.sets import SEEDS, Plan, make, plans
from evals.films.shots import Take
from evals.films.takes import darkened
from evals.films.write import write
from evals.metrics import f_of, transitions_met

SETS = tuple(SEEDS)


@dataclass(frozen=True)
class Plain:
    """A shot of one level."""

    level: int

    def picture(self, time: float) -> Image.Image:
        assert time >= 0
        return Image.new("RGB", SIZE, (self.level,) * 3)


LEVELS = (20, 130, 240, 75)


def joined(*joins: Join, each: int = 3) -> Film:
    """Plain shots of those levels."""
    shots = [(Plain(level), each) for level in LEVELS[: len(joins) + 1]]
    total = each * len(shots) + sum(join.frames for join in joins)
    return Film(list(shots), list(joins), np.arange(total) / 25, grain=0.0)


def film(style: str, name: str = "tune", seconds: float = 2.0) -> Film:
    """The beginning of a film."""
    return make(next(plan for plan in plans(name) if plan.style.name == style), seconds)


cuts = st.just(Join("cut"))
dissolves = st.builds(Join, st.just("dissolve"), st.integers(1, 9), smooth=st.booleans())
wipes = st.builds(Join, st.just("wipe"), st.integers(1, 9), wipe=st.sampled_from(sorted(WIPES)), smooth=st.booleans())
fades = st.builds(
    Join, st.just("fade"), st.integers(0, 9), st.integers(1, 9), st.integers(0, 9), level=st.sampled_from([0, 255])
)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.one_of(cuts, dissolves, wipes, fades), min_size=1, max_size=3))
def test_frames_are_mixed_where_the_truth_says_so_and_nowhere_else(joins: list[Join]) -> None:
    made = joined(*joins)
    known = made.truth()
    pictures = list(made.pictures())
    assert len(pictures) == known["frames"] == len(made.times)
    levels = [set(np.unique(picture[::3, ::3]).tolist()) for picture in pictures]
    shown = itertools.chain.from_iterable([level] * 3 for level in LEVELS)
    alone = 0  # the first frame after the last transition
    for one in [*known["transitions"], None]:
        for at in range(alone, one["start"] if one else len(pictures)):
            assert levels[at] == {next(shown)}
        if one is None:
            break
        alone = one["start"] if one["kind"] == "cut" else one["end"] + 1
        if one["kind"] != "cut":
            sides = levels[one["start"] - 1] | levels[one["end"] + 1]
            assert len(sides) == 2
            assert all(len(seen) > 1 or not seen <= sides for seen in levels[one["start"] : one["end"] + 1])
    assert [one["kind"] for one in known["transitions"]] == [join.kind for join in joins]
    assert next(shown, None) == (LEVELS[len(joins) + 1] if len(joins) < 3 else None)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("style", ["montage", "talk", "dark", "irregular times", "slides and cartoons", "plain cards"])
def test_the_frame_at_a_cut_is_unlike_the_one_before(style: str, name: str) -> None:
    made = film(style, name)
    for one in made.truth()["transitions"]:
        if one["kind"] == "cut":
            near = [np.asarray(made.edited(one["start"] + k), float)[::4, ::4] for k in (-2, -1, 0, 1)]
            before, at, after = (np.abs(new - old).mean() for old, new in itertools.pairwise(near))
            assert at > max(2 * before, 2 * after, 0.8)


def test_a_flash_leaves_the_picture_as_it_was() -> None:
    made = replace(joined(Join("cut"), each=12), flashes=[Flash(4, (1.0, 0.3))], blackouts=[(8, 2)])
    levels = [picture.mean() for picture in made.pictures()]
    assert made.truth()["flashes"] == [4]
    assert [at for at, level in enumerate(levels[:12]) if level != LEVELS[0]] == [4, 5, 8, 9]
    assert levels[4] > levels[5] > LEVELS[0] and levels[8] == 0


def test_explosions_are_told_of_where_they_are() -> None:
    made = film("action", "tune", 10)
    assert made.blasts
    for frame in made.blasts:
        before, at = (np.asarray(made.edited(frame + k)).mean() for k in (-1, 0))
        assert at > max(200, before + 40)


@pytest.mark.parametrize("style", ["fades", "irregular times"])
def test_a_file_has_the_frames_and_times_of_its_film(style: str, tmp_path: Path) -> None:
    made = film(style, seconds=0.5)
    path = tmp_path / ("film.mkv" if style == "irregular times" else "film.mp4")
    write(made, path)
    with av.open(str(path)) as container:
        times = np.array([float(frame.time) for frame in container.decode(video=0)])
    assert times - times[0] == pytest.approx(made.times, abs=0.0011)
    assert bool(np.ptp(np.diff(times)) > 0.02) is (style == "irregular times")
    assert [one.name for one in sorted(tmp_path.iterdir())] == ["film.json", path.name]


def test_dark_shots_spread_as_little_as_asked() -> None:
    made = film("dark", seconds=0.5)
    shot = made.shots[0][0]
    assert isinstance(shot, Take)
    assert 1.5 < np.asarray(shot.picture(0.0).convert("L")).std() < 10.5
    again = darkened(replace(shot, lights=()), np.random.default_rng(1), (6.0, 6.0))
    assert np.asarray(again.picture(0.0).convert("L")).std() == pytest.approx(6.0, abs=0.6)


def test_the_sets_share_no_seed_and_no_place() -> None:
    seeds = [{plan.seed for plan in plans(name)} for name in SETS]
    assert not seeds[0] & seeds[1] and not set(PLACES["tune"]) & set(PLACES["report"])
    assert all(len({plan.file for plan in plans(name)}) == len(plans(name)) for name in SETS)


def test_the_same_seed_makes_the_same_film() -> None:
    plan: Plan = plans("report")[0]
    first, second = (next(make(plan, 0.5).pictures()) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("found", "truth", "met"),
    [
        ([10], [(10, 10)], [0]), ([8], [(10, 10)], [0]), ([12], [(10, 10)], [0]),
        ([7], [(10, 10)], [None]), ([13], [(10, 10)], [None]),
        ([28, 62], [(30, 60)], [0]), ([], [(5, 5)], [None]), ([5], [], []),
        ([11], [(10, 10), (12, 12)], [0, None]), ([12, 10], [(10, 10), (12, 12)], [1, 0]),
        ([20, 21], [(10, 40), (19, 20)], [1, 0]),
    ],
)  # fmt: skip
def test_transitions_are_met_once_each(found: list[int], truth: list[tuple[int, int]], met: list[int | None]) -> None:
    assert transitions_met(found, truth) == met


@given(
    st.lists(st.integers(0, 30), max_size=5, unique=True),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=4),
)
def test_no_other_pairing_meets_more(found: list[int], spans: list[tuple[int, int]]) -> None:
    truth = [(start, start + more) for start, more in spans]
    met = [one for one in transitions_met(found, truth) if one is not None]
    assert len(met) == len(set(met))
    padded = [*found, *[None] * len(truth)]
    best = max(
        sum(at is not None and low - 2 <= at <= high + 2 for at, (low, high) in zip(chosen, truth, strict=False))
        for chosen in itertools.permutations(padded, len(truth))
    )
    assert len(met) == best


def test_precision_recall_and_f() -> None:
    assert f_of(3, 4, 6) == pytest.approx((0.75, 0.5, 0.6))
    assert f_of(0, 0, 3) == f_of(0, 2, 0) == (0.0, 0.0, 0.0)
