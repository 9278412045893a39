import numpy as np
import pytest

from training.ml import augment
from training.ml.hyperparameters import Hyperparameters


def place(matrix: np.ndarray, x: float, y: float) -> tuple[float, float]:
    """The input pixel from which output pixel (x, y) is read."""
    a, b, c, d, e, f = matrix[:6]
    return a * x + b * y + c, d * x + e * y + f


def matrix(**values) -> np.ndarray:
    given = {"angle": 0.0, "scale": 1.0, "aspect": 1.0, "shear": 0.0} | values
    arrays = {name: np.array([value]) for name, value in given.items() if name != "shift"}
    return augment.affine_matrices(**arrays, shift=np.array(values.get("shift", (0, 0)))[:, None])[
        0
    ]


def test_no_change_reads_each_pixel_from_its_own_place():
    assert place(matrix(), 3, 21) == pytest.approx((3, 21))


def test_a_shift_reads_from_the_other_side():
    assert place(matrix(shift=(2.0, -1.0)), 10, 10) == pytest.approx((8, 11))


def test_a_quarter_turn_takes_right_to_below():
    # y points down: what was right of the middle is read for the pixel below it.
    turned = matrix(angle=np.pi / 2)
    assert place(turned, 13.5, 13.5 + 5) == pytest.approx((13.5 + 5, 13.5), abs=1e-5)


def test_twice_the_size_reads_from_half_the_distance():
    assert place(matrix(scale=2.0), 13.5 + 8, 13.5 - 4) == pytest.approx((13.5 + 4, 13.5 - 2))


def test_aspect_widens_and_flattens():
    x, y = place(matrix(aspect=1.25), 13.5 + 5, 13.5 + 4)
    assert (x, y) == pytest.approx((13.5 + 4, 13.5 + 5))


def test_poses_stay_within_their_limits_and_follow_the_generator():
    hp = Hyperparameters(rotation=10, scaling=0.1, shear=0.1, shift=2, elastic=1, thickness=0.4)
    poses = augment.draw_poses(hp, 500, np.random.default_rng(1))
    again = augment.draw_poses(hp, 500, np.random.default_rng(1))
    other = augment.draw_poses(hp, 500, np.random.default_rng(2))
    assert all((a == b).all() for a, b in zip(poses, again, strict=True))
    assert not (poses.matrices == other.matrices).all()
    assert np.abs(poses.thickness).max() <= 0.4
    assert np.abs(poses.warps).max() <= 1
    middles = poses.matrices @ np.array([13.5, 13.5, 1, 0, 0, 0, 0, 0], np.float32)
    assert np.abs(middles - 13.5).max() < 3.5


def test_what_is_not_asked_for_is_not_drawn():
    hp = Hyperparameters(shift=0)
    assert augment.draw_poses(hp, 10, np.random.default_rng(0)) == (None, None, None)


@pytest.fixture(scope="module")
def ring() -> np.ndarray:
    """(1, 28, 28, 1) float32: a soft-edged ring, 3 pixels wide."""
    rows, columns = np.mgrid[:28, :28]
    radius = np.hypot(rows - 13.5, columns - 13.5)
    return np.clip(2 - np.abs(radius - 7), 0, 1).astype(np.float32)[None, ..., None]


@pytest.mark.tensorflow
class TestPixels:
    def test_no_poses_no_change(self, ring):
        assert (np.asarray(augment.apply_poses(ring, None, None, None)) == ring).all()

    def test_a_shift_of_whole_pixels_moves_the_picture(self, ring):
        moved = augment.apply_poses(ring, matrix(shift=(2.0, 3.0))[None], None, None).numpy()
        assert moved[0, 3:, 2:] == pytest.approx(ring[0, :-3, :-2], abs=1e-5)

    def test_a_warp_of_equal_points_is_a_shift(self, ring):
        warps = np.full((1, augment.GRID, augment.GRID, 2), 2.0, np.float32)
        moved = augment.apply_poses(ring, None, warps, None).numpy()
        assert moved[0, :24, :24] == pytest.approx(ring[0, 2:26, 2:26], abs=1e-4)

    @pytest.mark.parametrize(("thickness", "sign"), [(0.5, 1), (-0.5, -1)])
    def test_thickness_changes_the_ink_and_stays_in_range(self, ring, thickness, sign):
        changed = augment.apply_poses(ring, None, None, np.float32([thickness])).numpy()
        assert sign * (changed.sum() - ring.sum()) > 0.1 * ring.sum()
        assert changed.min() >= 0
        assert changed.max() <= 1
