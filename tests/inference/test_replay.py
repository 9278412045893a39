import numpy as np
import pytest

from inference.replay import STEPS, changes, growth
from training.ml.preprocess import DrawingError, strokes_to_image

SEVEN = [[[x / 20, 0.1] for x in range(21)], [[1 - y / 40, 0.1 + y / 20] for y in range(17)]]


def test_the_last_stage_is_the_whole_drawing():
    images, points = growth(SEVEN)
    assert points[-1] == 38
    assert (images[-1] == strokes_to_image(SEVEN)).all()
    assert images.dtype == np.uint8
    assert images.shape == (len(points), 28, 28)


def test_a_stage_is_the_drawing_as_it_was_then():
    images, points = growth(SEVEN, steps=4)
    assert points == sorted(set(points))
    for image, count in zip(images, points, strict=True):
        grown = [SEVEN[0][:count], SEVEN[1][: max(0, count - 21)]]
        assert (image == strokes_to_image(grown)).all()


def test_stages_are_even_along_the_ink_and_not_along_the_points():
    slow_start = [[[0.1, 0.1 + 0.001 * step] for step in range(100)], [[0.1, 0.2], [0.1, 0.9]]]
    _, points = growth(slow_start, steps=8)
    assert points[0] == 100 + 1 + 1  # the first eighth of the ink ends within the long move
    assert points[-1] == 102


def test_the_way_between_strokes_is_no_ink():
    far = [[[0.0, 0.0], [0.0, 0.1]], [[1.0, 0.0], [1.0, 0.1]]]
    assert growth(far, steps=2)[1] == [2, 4]


@pytest.mark.parametrize("strokes", [[[[0.5, 0.5]]], [[[0.5, 0.5]] * 9], [[], [[0.2, 0.2]]]])
def test_a_drawing_without_length_is_a_dot_from_the_start(strokes):
    images, points = growth(strokes)
    assert points[-1] == sum(map(len, strokes))
    assert (images == strokes_to_image(strokes)).all()


def test_a_long_drawing_has_no_more_stages_than_promised():
    way = np.linspace(0, 60, 3000)
    spiral = [[[0.5 + t / 130 * np.cos(t), 0.5 + t / 130 * np.sin(t)] for t in way]]
    assert len(growth(spiral)[1]) == STEPS


def test_what_cannot_be_drawn_is_an_error():
    with pytest.raises(DrawingError) as caught:
        growth([])
    assert caught.value.code == "empty"


def test_changes_are_where_another_digit_is_read():
    assert changes(np.array([1, 1, 7, 7, 1, 9])) == [2, 4, 5]
    assert changes(np.array([3])) == []
