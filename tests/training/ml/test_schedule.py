import numpy as np
import pytest

from training.ml.hyperparameters import Hyperparameters
from training.ml.schedule import learning_rates


def rates(**values) -> np.ndarray:
    return learning_rates(Hyperparameters(learning_rate=0.01, **values), 100)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_schedule_climbs_to_the_learning_rate_then_falls_to_its_end(schedule):
    got = rates(schedule=schedule, warmup=0.2, final_learning_rate=0.1)
    assert got.shape == (100,)
    assert (np.diff(got[:21]) > 0).all()
    assert got[20] == pytest.approx(0.01)
    assert (np.diff(got[20:]) < 0).all()
    assert got[-1] == pytest.approx(0.001, rel=0.15)


def test_constant_without_warm_up_is_constant():
    assert (rates(schedule="constant", warmup=0.0) == np.float32(0.01)).all()


def test_halfway_down_linear_and_cosine_agree():
    linear = rates(schedule="linear", warmup=0.0, final_learning_rate=0.0)
    cosine = rates(schedule="cosine", warmup=0.0, final_learning_rate=0.0)
    assert linear[50] == pytest.approx(0.005)
    assert cosine[50] == pytest.approx(0.005)
    assert cosine[10] > linear[10]
