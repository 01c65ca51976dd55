"""Boxes: overlap and suppression, against slow and obvious code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lookhear.dsp.boxes import area, clipped, from_centres, iou, nms
from lookhear.dsp.similarity_transform import similarity

edges = st.floats(-50, 50, width=32)
boxes = st.integers(0, 12).flatmap(lambda n: arrays(np.float32, (n, 4), elements=edges))


def ordered(found: np.ndarray) -> np.ndarray:
    """Corners the right way round."""
    return np.concatenate([np.minimum(found[:, :2], found[:, 2:]), np.maximum(found[:, :2], found[:, 2:])], axis=1)


def slow_iou(a: np.ndarray, b: np.ndarray) -> float:
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(across, 0.0) * max(down, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0 else 0.0


@given(boxes, boxes)
def test_iou_is_what_it_says(one: np.ndarray, other: np.ndarray) -> None:
    one, other = ordered(one), ordered(other)
    found = iou(one, other)
    assert found.shape == (len(one), len(other)) and found.dtype == np.float32
    expected = [[slow_iou(a.astype(float), b.astype(float)) for b in other] for a in one]
    assert np.allclose(found, np.array(expected).reshape(found.shape), atol=1e-4)


def test_iou_by_hand() -> None:
    one = np.array([[0, 0, 10, 10]], np.float32)
    other = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 4, 4]], np.float32)
    assert iou(one, other)[0].tolist() == pytest.approx([1.0, 50 / 150, 0.0, 0.04])


@given(boxes, st.floats(0.05, 0.95), st.data())
def test_suppression_is_that_of_the_plain_loop(found: np.ndarray, threshold: float, data: st.DataObject) -> None:
    found = ordered(found)
    scores = data.draw(arrays(np.float32, len(found), elements=st.floats(0, 1, width=16)))
    classes = data.draw(arrays(np.intp, len(found), elements=st.integers(0, 2)))
    left, kept = sorted(range(len(found)), key=lambda i: (-scores[i], i)), []
    while left:
        first = left.pop(0)
        kept.append(first)
        pairs = iou(found[first : first + 1], found)[0]
        left = [i for i in left if classes[i] != classes[first] or not pairs[i] > threshold]
    assert nms(found, scores, threshold, classes).tolist() == kept


def test_equal_scores_stay_in_their_order() -> None:
    found = np.array([[0, 0, 4, 4], [100, 0, 104, 4], [0, 0, 4, 4]], np.float32)
    assert nms(found, np.full(3, 0.5, np.float32), 0.5).tolist() == [0, 1]
    assert nms(found, np.full(3, 0.5, np.float32), 0.5, np.array([0, 0, 1])).tolist() == [0, 1, 2]


def test_corners_and_edges() -> None:
    assert from_centres(np.array([[10, 20, 4, 6]], np.float32)).tolist() == [[8, 17, 12, 23]]
    assert clipped(np.array([[-3, 5, 99, 7]], np.float32), 50, 6).tolist() == [[0, 5, 50, 6]]
    assert area(np.array([[0, 0, 2, 3], [5, 5, 1, 9]], np.float32)).tolist() == [6, 0]


@given(st.floats(0.1, 10), st.floats(-3.1, 3.1), st.floats(-100, 100), st.floats(-100, 100), st.integers(0, 2**32 - 1))
def test_a_turn_a_scale_and_a_shift_are_found_again(scale: float, turn: float, x: float, y: float, seed: int) -> None:
    points = np.random.default_rng(seed).normal(0, 30, (5, 2))
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = similarity(points, points @ rotation.T + (x, y))
    assert matrix is not None
    assert np.allclose(matrix, np.column_stack([rotation, (x, y)]), atol=1e-6 * max(1, scale))


def test_mirroring_is_no_turn_and_a_point_is_nothing() -> None:
    points = np.array([[0, 0], [4, 0], [2, 3], [1, 5], [3, 5]], float)
    matrix = similarity(points, points * (-1, 1))
    assert matrix is not None and np.linalg.det(matrix[:, :2]) > 0
    assert similarity(np.ones((5, 2)), points) is None
