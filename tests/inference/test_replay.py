import numpy as np
import pytest

from inference.replay import STEPS, changes, growth
from training.ml.preprocess import DrawingError, strokes_to_image

SEVEN = [[[x / 20, 0.1] for x in range(21)], [[1 - y / 40, 0.1 + y / 20] for y in range(17)]]


def test_the_last_stage_is_the_whole_drawing():
    grown = growth(SEVEN)
    assert (grown.points[-1], grown.shares[-1]) == (38, 1)
    assert (grown.images[-1] == strokes_to_image(SEVEN)).all()
    assert grown.images.dtype == np.uint8
    assert grown.images.shape == (len(grown.points), 28, 28)


def test_a_stage_is_the_drawing_as_it_was_then():
    grown = growth(SEVEN, steps=4)
    assert grown.points == sorted(set(grown.points))
    for image, count in zip(grown.images, grown.points, strict=True):
        grown = [SEVEN[0][:count], SEVEN[1][: max(0, count - 21)]]
        assert (image == strokes_to_image(grown)).all()


def test_stages_are_even_along_the_ink_and_not_along_the_points():
    slow_start = [[[0.1, 0.1 + 0.001 * step] for step in range(100)], [[0.1, 0.2], [0.1, 0.9]]]
    grown = growth(slow_start, steps=80)
    assert np.diff(grown.shares[:-1]) == pytest.approx(1 / 80, abs=0.0015)
    assert grown.points[-1] == 102
    assert 0.1 < grown.shares[-2] < 0.125  # the long move has no points on its way


def test_the_way_between_strokes_is_no_ink():
    far = [[[0.0, 0.0], [0.0, 0.1]], [[1.0, 0.0], [1.0, 0.1]]]
    grown = growth(far, steps=2)
    assert (grown.points, grown.shares) == ([2, 4], [0.5, 1])


@pytest.mark.parametrize("strokes", [[[[0.5, 0.5]]], [[[0.5, 0.5]] * 9], [[], [[0.2, 0.2]]]])
def test_a_drawing_without_length_is_a_dot_from_the_start(strokes):
    grown = growth(strokes)
    assert (grown.points[-1], grown.shares[-1]) == (sum(map(len, strokes)), 1)
    assert (grown.images == strokes_to_image(strokes)).all()


def test_a_long_drawing_has_no_more_stages_than_promised():
    way = np.linspace(0, 60, 3000)
    spiral = [[[0.5 + t / 130 * np.cos(t), 0.5 + t / 130 * np.sin(t)] for t in way]]
    assert len(growth(spiral).points) == STEPS


def test_what_cannot_be_drawn_is_an_error():
    with pytest.raises(DrawingError) as caught:
        growth([])
    assert caught.value.code == "empty"


def test_changes_are_where_another_digit_is_read():
    assert changes(np.array([1, 1, 7, 7, 1, 9])) == [2, 4, 5]
    assert changes(np.array([3])) == []
