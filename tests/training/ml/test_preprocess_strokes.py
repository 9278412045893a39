"""From strokes to 28x28: what may change the picture, what may not, and every odd drawing."""

import itertools
import json

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings
from numpy.testing import assert_array_equal

from training.ml import preprocess
from training.ml.allographs import FORMS, draw_form
from training.ml.ink import CENTRE, centre_of_mass
from training.ml.preprocess import DrawingError, strokes_to_image
from training.ml.strokes import DOT_SIZE, MAX_COORDINATE, MAX_POINTS, MAX_STROKES

# The stated bounds: grey levels of 255 that one pixel may change by.
MOVED = 2
SCALED = 2
DENSER = 2
MUCH_DENSER = 24
SPARSER_ON_AVERAGE = 2.5

quick = settings(deadline=None, database=None, derandomize=True, max_examples=60)

share = st.floats(0, 1, allow_nan=False)
points = st.lists(st.tuples(share, share), min_size=1, max_size=25)
drawings = st.lists(points, min_size=1, max_size=4)
digits = st.builds(
    lambda form, seed: draw_form(form, np.random.default_rng(seed)),
    st.sampled_from(FORMS),
    st.integers(0, 2**32 - 1),
)


def span(strokes) -> float:
    everything = np.concatenate([np.array(stroke) for stroke in strokes])
    return float(np.ptp(everything, axis=0).max())


def mapped(strokes, function):
    return [[[*function(*point[:2]), *point[2:]] for point in stroke] for stroke in strokes]


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other.astype(int))


def resampled(stroke, count: int) -> list[list[float]]:
    path = np.array(stroke, float)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    places = np.linspace(0, along[-1], count)
    return np.stack([np.interp(places, along, axis) for axis in path.T], 1).tolist()


def rested(strokes, times: int) -> list:
    """Every point reported that often, as by a pen that rests on it."""
    return [[point for point in stroke for _ in range(times)] for stroke in strokes]


def with_points_between(stroke, count: int) -> list[list[float]]:
    path = np.array(stroke, float)
    pieces = [np.linspace(a, b, count, endpoint=False) for a, b in itertools.pairwise(path)]
    return np.concatenate([*pieces, path[-1:]]).tolist()


@quick
@given(drawings, st.floats(-50, 50), st.floats(-50, 50))
def test_where_one_draws_does_not_change_the_picture(strokes, right, down):
    moved = mapped(strokes, lambda x, y: (x + right, y + down))

    assert difference(strokes_to_image(strokes), strokes_to_image(moved)).max() <= MOVED


@quick
@given(drawings, st.floats(-1, 1))
def test_the_size_of_a_drawing_does_not_change_the_picture(strokes, exponent):
    scale = 10.0**exponent
    assume(span(strokes) * min(scale, 1) >= DOT_SIZE)
    scaled = mapped(strokes, lambda x, y: (x * scale, y * scale))

    assert difference(strokes_to_image(strokes), strokes_to_image(scaled)).max() <= SCALED


@quick
@given(drawings, st.integers(2, 5))
def test_points_added_along_the_lines_do_not_change_the_picture(strokes, count):
    denser = [with_points_between(stroke, count) for stroke in strokes]

    assert difference(strokes_to_image(strokes), strokes_to_image(denser)).max() <= DENSER


@settings(quick, max_examples=20)
@given(digits)
def test_a_thousand_points_a_stroke_hardly_change_the_picture(strokes):
    denser = [with_points_between(s, 1 + 1000 // len(s)) if len(s) > 1 else s for s in strokes]

    assert difference(strokes_to_image(strokes), strokes_to_image(denser)).max() <= MUCH_DENSER


scribbles = st.lists(
    st.lists(st.tuples(share, share), min_size=1, max_size=6, unique=True), min_size=1, max_size=6
)


@quick
@given(scribbles, st.sampled_from([610, 1000, 3000]))
def test_a_pen_that_rests_on_every_point_hardly_changes_the_picture(strokes, points):
    still = rested(strokes, points // sum(map(len, strokes)) + 1)

    assert difference(strokes_to_image(strokes), strokes_to_image(still)).max() <= MUCH_DENSER


@quick
@given(scribbles, st.floats(-50, 50), st.floats(-50, 50), st.floats(-1, 1))
def test_of_a_scribble_of_many_points_neither_place_nor_size_matter(strokes, right, down, exponent):
    scale = 10.0**exponent
    assume(span(strokes) * min(scale, 1) >= DOT_SIZE)
    still = rested(strokes, 1000 // sum(map(len, strokes)) + 1)
    moved = mapped(still, lambda x, y: (x * scale + right, y * scale + down))

    assert difference(strokes_to_image(still), strokes_to_image(moved)).max() <= MUCH_DENSER


@quick
@given(scribbles, st.integers(100, 400))
def test_a_scribble_of_many_points_is_the_one_of_few(strokes, count):
    denser = [with_points_between(s, count) if len(s) > 1 else s * count for s in strokes]

    assert difference(strokes_to_image(strokes), strokes_to_image(denser)).max() <= MUCH_DENSER


def test_two_dots_of_a_thousand_equal_points_are_two_dots():
    few = [[[0.2, 0.5]], [[0.8, 0.5]]]

    image = strokes_to_image(rested(few, 1000))

    assert difference(image, strokes_to_image(few)).max() <= MUCH_DENSER
    assert image[:, :14].sum() == pytest.approx(image[:, 14:].sum(), rel=0.5)


def test_a_dot_beside_a_line_of_many_points_stays():
    line = with_points_between([[0.2, 0.1], [0.2, 0.9]], 900)

    image = strokes_to_image([line, [[0.8, 0.5]]])

    assert difference(image, strokes_to_image([line[:: len(line) - 1], [[0.8, 0.5]]])).max() <= 24


@quick
@given(digits, st.integers(30, 60))
def test_a_pen_that_reports_fewer_points_hardly_changes_the_picture(strokes, count):
    sparser = [resampled(stroke, count) for stroke in strokes]

    changed = difference(strokes_to_image(strokes), strokes_to_image(sparser))
    assert changed.mean() <= SPARSER_ON_AVERAGE


@quick
@given(digits)
def test_a_digit_lies_in_mnists_box_around_mnists_centre(strokes):
    image = strokes_to_image(strokes)

    rows, columns = (np.flatnonzero((image > 127).any(axis=axis)) for axis in (1, 0))
    assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
    assert centre_of_mass(image) == pytest.approx((CENTRE, CENTRE), abs=0.15)
    assert image.max() >= 250


@pytest.mark.parametrize("length", [0.1, 0.7, 7.0, 300.0])
def test_the_pens_width_does_not_depend_on_the_canvas(length):
    image = strokes_to_image([[[3.0, 1.0], [3.0, 1.0 + length]]])

    across = image[10:18].sum(axis=1) / 255
    assert across == pytest.approx(np.full(8, preprocess.PEN), abs=0.1)


@pytest.mark.parametrize("pen", [1.5, 2.0, 3.0, 4.0])
def test_a_wider_pen_is_that_much_wider(pen):
    image = strokes_to_image([[[0.5, 0.1], [0.5, 0.9]]], pen=pen)

    assert image[10:18].sum(axis=1) / 255 == pytest.approx(np.full(8, pen), abs=0.15)


def test_a_diagonal_line_is_as_wide_as_an_upright_one():
    image = strokes_to_image([[[0, 0], [1, 1]]])

    # A row crosses a line at 45 degrees over sqrt(2) times its width.
    assert image[10:18].sum(axis=1) / 255 == pytest.approx(
        np.full(8, preprocess.PEN * 2**0.5), abs=0.1
    )


@pytest.mark.parametrize("repeats", [1, 2, 500])
def test_a_dot_is_a_dot_in_the_middle(repeats):
    image = strokes_to_image([[[0.2, 0.9]] * repeats])

    assert centre_of_mass(image) == pytest.approx((CENTRE, CENTRE), abs=0.05)
    assert image[12:17, 12:17].sum() == image.sum()
    assert image.max() >= 250


def test_a_trembling_dot_is_not_blown_up_to_a_digit():
    rng = np.random.default_rng(3)
    tremble = (0.5 + 0.001 * rng.random((30, 2))).tolist()

    assert np.count_nonzero(strokes_to_image([tremble])) <= 49


@pytest.mark.parametrize(
    ("start", "end"),
    [((0, 0), (1, 0)), ((0, 0), (0, 1)), ((1, 1), (0, 0)), ((0.2, 0.8), (0.7, 0.1))],
)
def test_a_straight_line_is_twenty_pixels_long(start, end):
    image = strokes_to_image([[list(start), list(end)]])

    rows, columns = (np.flatnonzero((image > 127).any(axis=axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20, 21)


def test_twenty_thousand_points_of_a_digit_give_the_digit():
    strokes = draw_form(FORMS[1], np.random.default_rng(0))

    changed = difference(
        strokes_to_image(strokes), strokes_to_image([resampled(strokes[0], MAX_POINTS)])
    )
    assert changed.max() <= MUCH_DENSER


def test_a_scribble_of_twenty_thousand_crossings_is_a_blob():
    scribble = np.random.default_rng(0).random((MAX_POINTS, 2)).tolist()

    image = strokes_to_image([scribble])

    assert (image[6:22, 6:22] >= 250).all()
    assert image[0].max() == 0


def test_time_and_pressure_do_not_change_the_picture():
    strokes = draw_form(FORMS[20], np.random.default_rng(1))
    timed = [[[x, y, 10 * i] for i, (x, y) in enumerate(stroke)] for stroke in strokes]
    pressed = [[[x, y, 10 * i, i / 50] for i, (x, y) in enumerate(stroke)] for stroke in strokes]

    assert_array_equal(strokes_to_image(timed), strokes_to_image(strokes))
    assert_array_equal(strokes_to_image(pressed), strokes_to_image(strokes))


def test_a_drawing_through_json_gives_the_same_bytes():
    strokes = draw_form(FORMS[5], np.random.default_rng(2))

    assert_array_equal(strokes_to_image(json.loads(json.dumps(strokes))), strokes_to_image(strokes))


def test_strokes_without_points_are_passed_over():
    line = [[0.1, 0.2], [0.6, 0.9]]

    assert_array_equal(strokes_to_image([[], line, []]), strokes_to_image([line]))


def test_numbers_that_are_whole_are_read():
    assert_array_equal(
        strokes_to_image([[[0, 0], [0, 1]]]), strokes_to_image([[[0.0, 0.0], [0.0, 1.0]]])
    )


def test_the_edge_of_the_canvas_is_no_limit():
    """A captured pen goes on reporting where it is after it has left the canvas."""
    inside = [[[0.4, 0.1], [0.5, 0.5], [0.4, 0.9]]]
    outside = mapped(inside, lambda x, y: (x - 1, y + 1))

    assert difference(strokes_to_image(inside), strokes_to_image(outside)).max() <= MOVED


@pytest.mark.parametrize(
    ("drawing", "code"),
    [
        ([], "empty"),
        ([[]], "empty"),
        ([[], []], "empty"),
        ([[[float("nan"), 0.5]]], "not_finite"),
        ([[[0.5, 0.5], [float("inf"), 0.5]]], "not_finite"),
        ([[[0.5, float("-inf")]]], "not_finite"),
        ([[[0.5, 2 * MAX_COORDINATE]]], "out_of_range"),
        ([[[-2 * MAX_COORDINATE, 0.5]]], "out_of_range"),
        ([[[0.5, 0.5]] * (MAX_POINTS + 1)], "too_long"),
        ([[[0.5, 0.5]] * (MAX_POINTS // 2 + 1)] * 2, "too_long"),
        ([[[0.5, 0.5]]] * (MAX_STROKES + 1), "too_long"),
        (None, "malformed"),
        ("0.5,0.5", "malformed"),
        ({"strokes": []}, "malformed"),
        (7, "malformed"),
        ([7], "malformed"),
        (["ab"], "malformed"),
        ([[0.5, 0.5]], "malformed"),
        ([[[0.5]]], "malformed"),
        ([[["0.5", "0.5"]]], "malformed"),
        ([[[None, 0.5]]], "malformed"),
        ([[[True, False]]], "malformed"),
        ([[[[0.5], [0.5]]]], "malformed"),
        ([[[10**400, 0.5]]], "malformed"),
        ([[{"x": 0.5, "y": 0.5}]], "malformed"),
    ],
)
def test_what_is_no_drawing_is_refused_with_its_code(drawing, code):
    with pytest.raises(DrawingError) as refusal:
        strokes_to_image(drawing)

    assert refusal.value.code == code
    assert str(refusal.value).endswith(".")


def test_too_far_names_both_numbers():
    with pytest.raises(DrawingError, match="at most 1,000,000; got 5,000,000"):
        strokes_to_image([[[0.5, 5e6]]])


@settings(quick, max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=1), inner, max_size=2)
        ),
        max_leaves=12,
    )
)
def test_any_json_gives_a_picture_or_a_drawing_error(anything):
    try:
        image = strokes_to_image(anything)
    except DrawingError:
        return
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
