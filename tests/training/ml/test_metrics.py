import numpy as np
import pytest

from training.ml.metrics import evaluate, wilson_interval


def answers(predicted: list[int], confidence: float) -> np.ndarray:
    """Probabilities (N, 10): `confidence` on the answer, the rest spread evenly."""
    out = np.full((len(predicted), 10), (1 - confidence) / 9)
    out[np.arange(len(predicted)), predicted] = confidence
    return out


def test_a_known_confusion_gives_the_known_figures():
    truth = np.array([0, 0, 0, 1, 1, 9])
    metrics = evaluate(answers([0, 0, 1, 1, 1, 0], 0.7), truth)
    assert metrics.count == 6
    assert metrics.accuracy == pytest.approx(4 / 6)
    assert metrics.confusion[0][:2] == [2, 1]
    assert metrics.confusion[9][0] == 1
    zero, one, nine = (metrics.per_class[d] for d in (0, 1, 9))
    assert (zero.precision, zero.recall, zero.support) == pytest.approx((2 / 3, 2 / 3, 3))
    assert (one.precision, one.recall, one.f1) == pytest.approx((2 / 3, 1.0, 0.8))
    assert (nine.precision, nine.recall, nine.support) == (0.0, 0.0, 1)
    expected = -(4 * np.log(0.7) + 2 * np.log(0.3 / 9)) / 6
    assert metrics.loss == pytest.approx(expected)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    truth = np.zeros(10, int)
    metrics = evaluate(answers([0] * 6 + [1] * 4, 0.9), truth)
    assert metrics.ece == pytest.approx(0.3)
    (only,) = metrics.calibration
    assert (only.count, only.confidence, only.accuracy) == pytest.approx((10, 0.9, 0.6))
    assert only.low < 0.9 <= only.high


def test_full_confidence_falls_into_the_last_bin():
    metrics = evaluate(answers([3], 1.0), np.array([3]))
    assert metrics.calibration[0].high == pytest.approx(1.0)


def test_the_interval_is_wilsons():
    # 9,940 of 10,000, by the formula of Wilson (1927).
    assert wilson_interval(9940, 10000) == pytest.approx((0.99228, 0.99534), abs=2e-5)
    low, high = wilson_interval(10, 10)
    assert high == pytest.approx(1.0)
    assert low == pytest.approx(0.7225, abs=1e-4)


def test_a_certain_mistake_has_a_finite_loss():
    assert np.isfinite(evaluate(answers([1], 1.0), np.array([0])).loss)


def test_figures_are_plain_json_values():
    import json

    assert json.loads(json.dumps(evaluate(answers([1], 0.5), np.array([1])).as_dict()))


@pytest.mark.parametrize(
    ("shape", "labels"), [((3, 9), [0, 1, 2]), ((3, 10), [0, 1]), ((0, 10), [])]
)
def test_other_shapes_are_refused(shape, labels):
    with pytest.raises(ValueError, match="expected probabilities"):
        evaluate(np.zeros(shape), np.array(labels, int))
