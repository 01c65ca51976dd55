"""What detectors' outputs mean, on outputs written by hand, and pictures as networks take them."""

from __future__ import annotations

import numpy as np
import pytest

from lookhear.errors import InvalidCard
from lookhear.media.forms import Picture
from lookhear.tasks.detections import Detected, bounding, fitted, letterboxed, planes, reader
from lookhear.tasks.image.faces import scrfd, yunet
from lookhear.tasks.image.objects import detr, fastestdet, yolov8, yolox
from lookhear.tasks.tracks import Tracker


def test_the_whole_picture_lies_within_the_letterbox() -> None:
    wide = np.full((50, 100, 3), 200, np.uint8)
    canvas, scale, left, top = letterboxed(wide, 40, 40, 114)
    assert (canvas.shape, scale, left, top) == ((40, 40, 3), 0.4, 0, 0)
    assert (canvas[:20] == 200).all() and (canvas[20:] == 114).all()
    canvas, scale, left, top = letterboxed(wide, 40, 40, 114, centred=True)
    assert (scale, left, top) == (0.4, 0, 10)
    assert (canvas[10:30] == 200).all() and (canvas[:10] == 114).all() and (canvas[30:] == 114).all()


def test_planes_put_colours_first() -> None:
    pixel = np.array([[[1, 2, 3]]], np.uint8)
    assert planes(pixel).ravel().tolist() == [1, 2, 3] and planes(pixel, bgr=True).ravel().tolist() == [3, 2, 1]
    assert planes(pixel).shape == (1, 3, 1, 1)


def test_boxes_come_back_in_pixels_of_the_original_and_within_it() -> None:
    picture = Picture(np.zeros((100, 200, 3), np.uint8))
    found = Detected(
        np.array([[-4, 10, 100, 50]], np.float32), np.ones(1, np.float32), None, np.ones((1, 5, 2), np.float32)
    )
    moved = fitted(picture, found, 2000, 1000)
    assert moved.boxes.tolist() == [[0, 100, 1000, 500]]
    assert moved.points is not None and moved.points[0, 0].tolist() == [10, 10]
    assert bounding(moved.boxes[0]).width == 1000


def test_yunet_by_hand() -> None:
    """One cell of stride 16 in a picture of 64 x 64: row 2, column 1."""
    cells = {8: 64, 16: 16, 32: 4}
    outputs = {
        f"{what}_{stride}": np.zeros((1, count, size), np.float32)
        for stride, count in cells.items()
        for what, size in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
    }
    place = 2 * 4 + 1
    outputs["cls_16"][0, place], outputs["obj_16"][0, place] = 0.81, 1.0
    outputs["bbox_16"][0, place] = (0.5, 0.25, np.log(2), np.log(1.5))
    outputs["kps_16"][0, place] = np.arange(10) / 10
    best = yunet.decode(outputs, 64, 64, 0.5).best(0.5, 0.3, 10)
    assert len(best) == 1 and best.scores[0] == pytest.approx(0.9)
    # centre (1.5, 2.25) cells of 16 = (24, 36); 32 wide, 24 high
    assert best.boxes[0].tolist() == pytest.approx([8, 24, 40, 48])
    assert best.points is not None
    assert best.points[0, 0].tolist() == pytest.approx([16, 32 + 1.6])
    assert best.points[0, 4].tolist() == pytest.approx([(1 + 0.8) * 16, (2 + 0.9) * 16])


def test_scrfd_by_hand() -> None:
    """The second anchor of a cell of stride 8 in a picture of 32 x 64: row 1, column 2."""
    cells = {stride: (32 // stride) * (64 // stride) * 2 for stride in (8, 16, 32)}
    outputs = [np.zeros((cells[stride], size), np.float32) for size in (1, 4, 10) for stride in (8, 16, 32)]
    place = (1 * 8 + 2) * 2 + 1
    outputs[0][place], outputs[3][place] = 0.75, (1, 2, 3, 4)
    outputs[6][place] = np.arange(10)
    best = scrfd.decode(outputs, 64, 0.5).best(0.5, 0.4, 10)
    assert best.boxes.tolist() == [[16 - 8, 8 - 16, 16 + 24, 8 + 32]] and best.scores.tolist() == [0.75]
    assert best.points is not None and best.points[0, 1].tolist() == [16 + 16, 8 + 24]


def test_yolox_by_hand() -> None:
    """A cell of each of two strides in a picture of 64 x 96."""
    rows = np.zeros((12 * 8 + 6 * 4 + 3 * 2, 5 + 3), np.float32)
    rows[12 * 3 + 5] = (0.5, 0.5, np.log(2), np.log(3), 0.9, 0.1, 0.8, 0.0)
    rows[96 + 6 * 2 + 4] = (-0.25, 1.0, 0, 0, 1.0, 0.3, 0.0, 0.6)
    found = yolox.decode(rows, 64, 96, 0.5)
    assert found.classes is not None and found.classes.tolist() == [1, 2]
    assert found.scores.tolist() == pytest.approx([0.72, 0.6])
    assert found.boxes[0].tolist() == pytest.approx([(5.5 - 1) * 8, (3.5 - 1.5) * 8, (5.5 + 1) * 8, (3.5 + 1.5) * 8])
    assert found.boxes[1].tolist() == pytest.approx([3.25 * 16, 2.5 * 16, 4.25 * 16, 3.5 * 16])


def test_yolov8_by_hand() -> None:
    output = np.zeros((4 + 2, 10), np.float32)
    output[:, 3] = (50, 40, 20, 10, 0.2, 0.7)
    output[:, 7] = (10, 10, 4, 4, 0.3, 0.1)
    found = yolov8.decode(output, 0.25)
    assert found.classes is not None and found.classes.tolist() == [1, 0]
    assert found.boxes.tolist() == [[40, 35, 60, 45], [8, 8, 12, 12]]
    ended = np.zeros((300, 6), np.float32)
    ended[0] = (1, 2, 3, 4, 0.9, 5)
    found = yolov8.decode(ended, 0.25)
    assert found.boxes.tolist() == [[1, 2, 3, 4]] and found.classes is not None and found.classes.tolist() == [5]


def test_fastestdet_by_hand() -> None:
    output = np.zeros((5 + 2, 4, 8), np.float32)
    output[:, 1, 6] = (0.9, np.arctanh(0.5), np.arctanh(-0.25), 0.0, np.log(3), 0.2, 0.8)
    found = fastestdet.decode(output, 0.5)
    assert found.classes is not None and found.classes.tolist() == [1]
    assert found.scores.tolist() == pytest.approx([0.72])
    across, down = 6.5 / 8, 0.75 / 4
    assert found.boxes[0].tolist() == pytest.approx([across - 0.25, down - 0.375, across + 0.25, down + 0.375])


def test_queries_by_softmax_and_by_sigmoid() -> None:
    boxes = np.array([[0.5, 0.5, 0.2, 0.4], [0.1, 0.1, 0.1, 0.1]], np.float32)
    logits = np.log(np.array([[0.7, 0.1, 0.2], [0.05, 0.05, 0.9]], np.float32))
    found = detr.decode(logits, boxes, 0.5, softmax=True)
    assert found.classes is not None and found.classes.tolist() == [0] and found.scores.tolist() == pytest.approx([0.7])
    assert found.boxes[0].tolist() == pytest.approx([0.4, 0.3, 0.6, 0.7])
    odds = np.array([[0.0, 2.0], [-4.0, -5.0]], np.float32)
    found = detr.decode(odds, boxes, 0.5)
    assert found.classes is not None and found.classes.tolist() == [1]
    assert found.scores.tolist() == pytest.approx([1 / (1 + np.exp(-2.0))])


def test_a_family_that_nothing_reads_is_told() -> None:
    assert reader("lookhear.tasks.image.objects", "yolox") is yolox.detect
    with pytest.raises(InvalidCard, match=r"reads the answers of 'mine' for objects\. See: lookhear models families"):
        reader("lookhear.tasks.image.objects", "mine")


def seen(*boxes: tuple[float, ...], kinds: tuple[int, ...] = ()) -> Detected:
    found = np.array(boxes, np.float32).reshape(-1, 4)
    return Detected(found, np.full(len(found), 0.9, np.float32), np.array(kinds or [0] * len(found), np.intp))


def test_what_moves_a_little_is_one_track_and_what_is_of_another_kind_is_not() -> None:
    tracker = Tracker(("cat", "dog"))
    assert tracker.add(0, 0.0, seen((0, 0, 10, 10), (50, 0, 60, 10), kinds=(0, 1))) == [0, 1]
    assert tracker.add(30, 1.0, seen((50, 0, 60, 10), (4, 0, 14, 10), kinds=(1, 0))) == [1, 0]
    assert tracker.add(60, 2.0, seen((50, 0, 60, 10), kinds=(0,))) == [2]  # a cat where the dog was
    tracks = tracker.finish(3.0)
    assert [(track.label, track.start, track.end, track.sightings) for track in tracks] == [
        ("cat", 0.0, 2.0, 2), ("dog", 0.0, 2.0, 2), ("cat", 2.0, 3.0, 1),
    ]  # fmt: skip


def test_one_frame_that_lacks_it_is_no_end_and_two_are() -> None:
    tracker = Tracker(("cat",))
    box = (0, 0, 10, 10)
    for frame, found in enumerate((seen(box), seen(), seen(box), seen(), seen(), seen(box))):
        tracker.add(frame, float(frame), found)
    assert [(track.start, track.end) for track in tracker.finish(6.0)] == [(0.0, 3.0), (5.0, 6.0)]


def test_a_fast_one_of_the_same_size_is_followed_and_a_far_one_is_another() -> None:
    tracker = Tracker(("cat",))
    tracker.add(0, 0.0, seen((0, 0, 10, 10)))
    assert tracker.add(1, 1.0, seen((8, 4, 18, 14))) == [0]  # hardly overlaps
    assert tracker.add(2, 2.0, seen((60, 4, 70, 14))) == [1]
    assert tracker.add(3, 3.0, seen((60, 4, 90, 34))) == [2]  # three times as large
