import numpy as np
import pytest

from training.ml.calibration import at_temperature_one, fit_temperature


def drawn(temperature: float, members: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels drawn from them at a known temperature."""
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 3, (20_000, 10))
    odds = np.exp(logits / temperature)
    labels = (odds.cumsum(1) < rng.random((len(odds), 1)) * odds.sum(1, keepdims=True)).sum(1)
    return np.repeat(logits[None], members, axis=0), labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("members", [1, 3])
def test_the_temperature_that_labels_were_drawn_at_is_found(temperature, members):
    assert fit_temperature(*drawn(temperature, members)) == pytest.approx(temperature, rel=0.05)


def test_answers_that_are_all_right_are_not_made_certain_without_end():
    logits = np.eye(10)[None] * 5
    assert fit_temperature(logits, np.arange(10)) == pytest.approx(0.2, rel=0.01)


def test_without_images_nothing_is_changed():
    assert fit_temperature(np.zeros((1, 0, 10)), np.zeros(0, int)) == 1.0


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_answers_without_the_temperature_can_be_had_from_those_with_it(temperature):
    logits = np.random.default_rng(3).normal(0, 2, (50, 10))

    def softmax(values):
        odds = np.exp(values - values.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    found = at_temperature_one(softmax(logits / temperature), temperature)
    assert np.allclose(found, softmax(logits))


def test_certainty_stays_certain_without_the_temperature():
    assert (at_temperature_one(np.eye(10), 3.0).argmax(axis=1) == np.arange(10)).all()
