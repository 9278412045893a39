import pytest

from tests.training.services.fake_training import FakeTraining


@pytest.fixture
def fake(monkeypatch, settings, tmp_path) -> FakeTraining:
    """Runs end in moments: `fit` and `export` are played."""
    settings.HOME = tmp_path
    training = FakeTraining()
    monkeypatch.setattr("training.ml.fit.fit", training.fit)
    monkeypatch.setattr("training.ml.export.export", training.export)
    monkeypatch.setattr("training.services.tensorflow_loading.load", lambda: None)
    return training


@pytest.fixture
def quick_heartbeat(settings) -> None:
    settings.RUN_HEARTBEAT_SECONDS = 0.1
