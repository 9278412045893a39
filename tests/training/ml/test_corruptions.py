import numpy as np
import pytest

from training.ml.corruptions import CORRUPTIONS, STRENGTHS, corrupt

BY_NAME = {corruption.name: corruption for corruption in CORRUPTIONS}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """A cross, five times."""
    one = np.zeros((28, 28), np.uint8)
    one[5:23, 12:15] = 255
    one[12:15, 6:22] = 255
    return np.repeat(one[None], 5, axis=0)


def test_the_kinds_are_the_eight_of_the_table():
    assert list(BY_NAME) == [
        *("Noise", "Blur", "Rotation", "Scale", "Thin", "Thick", "Contrast", "Occlusion")
    ]
    assert len(STRENGTHS) == 3


@pytest.mark.parametrize("name", BY_NAME)
def test_damage_is_the_same_every_time_grows_and_leaves_the_original_alone(name, images):
    before = images.copy()
    change = []
    for strength in range(3):
        once = corrupt(BY_NAME[name], strength, images)
        assert (once == corrupt(BY_NAME[name], strength, images)).all()
        assert (once.dtype, once.shape) == (np.uint8, images.shape)
        change.append(np.abs(once.astype(int) - images).mean())
    assert 0 < change[0] < change[1] < change[2]
    assert (images == before).all()


def test_thin_takes_ink_away_and_thick_adds_some(images):
    ink = images.sum(dtype=int)
    assert corrupt(BY_NAME["Thin"], 0, images).sum(dtype=int) < ink
    assert corrupt(BY_NAME["Thick"], 0, images).sum(dtype=int) > ink


def test_a_smaller_scale_keeps_the_digit_in_the_middle(images):
    small = corrupt(BY_NAME["Scale"], 2, images)[0]
    rows = np.flatnonzero(small.max(axis=1) > 64)
    assert 8 <= len(rows) <= 11  # 55 % of 18
    assert abs(rows.mean() - 13.5) < 1


def test_images_turn_both_ways(images):
    turned = corrupt(BY_NAME["Rotation"], 1, images)
    assert (turned[0] == turned[2]).all()
    assert not (turned[0] == turned[1]).all()


def test_no_images_stay_none(images):
    for corruption in CORRUPTIONS:
        assert corrupt(corruption, 2, images[:0]).shape == (0, 28, 28)
