"""A run that starts from another run's model."""

import numpy as np
import pytest

from tests.training.ml.synthetic import synthetic_digits
from tests.training.ml.test_fit import TINY, Recorder
from training.ml import checkpoint
from training.ml.checkpoint import Checkpoint
from training.ml.fit import IncompatibleCheckpoint, fit
from training.ml.hyperparameters import Hyperparameters
from training.ml.initial import (
    IncompatibleWeights,
    InitialWeights,
    final_weights,
    fine_tuning,
    other_network,
)

tensorflow = pytest.mark.tensorflow


def train(folder, hyperparameters=TINY, *, digits=None, initial=None, monitor=None):
    return fit(
        hyperparameters,
        digits or synthetic_digits(),
        checkpoint_dir=folder,
        monitor=monitor or Recorder(),
        initial=initial,
    )


def weights_of(result, folder) -> InitialWeights:
    return InitialWeights(result.weights_sha256, lambda: checkpoint.newest(folder))


def never() -> Checkpoint:
    raise AssertionError("the weights were fetched again")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> InitialWeights:
    folder = tmp_path_factory.mktemp("source")
    return weights_of(train(folder), folder)


@tensorflow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dropout": 0.0, "conv_dropout": 0.0},
        {"ema": 0.0},
        {"early_stopping_patience": 2, "learning_rate": 0.9, "optimizer": "muon"},
    ],
    ids=["averaged", "without dropout", "as they are", "best epoch"],
)
def test_training_starts_from_the_very_weights_of_the_model(tmp_path, changes):
    """`fit` compares the digest of what it starts from with the model's, so it must get there."""
    hyperparameters = TINY.model_copy(update={"epochs": 3, **changes})
    first = train(tmp_path / "first", hyperparameters)
    further = train(
        tmp_path / "further",
        TINY.model_copy(update={"epochs": 1, "ema": 0.5, "learning_rate": 1e-6}),
        initial=weights_of(first, tmp_path / "first"),
    )
    for before, after in zip(first.model.weights, further.model.weights, strict=True):
        if "moving" not in before.path:  # statistics of batch normalisation follow the data
            np.testing.assert_allclose(after.numpy(), before.numpy(), atol=2e-4)


@tensorflow
def test_fine_tuning_keeps_what_was_learned(tmp_path, source):
    short = TINY.model_copy(update={"epochs": 1, "learning_rate": 0.003})
    anew = train(tmp_path / "anew", short)
    tuned = train(tmp_path / "tuned", short, initial=source)
    assert tuned.epochs[0].val_loss < anew.epochs[0].val_loss


@tensorflow
def test_a_stopped_fine_tuning_resumes_to_the_same_bytes_without_the_weights(tmp_path, source):
    undisturbed = train(tmp_path / "whole", initial=source)
    train(tmp_path / "halves", initial=source, monitor=Recorder(stop_at=(2, 1)))
    resumed = train(tmp_path / "halves", initial=InitialWeights(source.sha256, never))
    assert resumed.resumed_from_epoch == 2
    assert resumed.weights_sha256 == undisturbed.weights_sha256


@tensorflow
def test_a_checkpoint_belongs_to_the_weights_it_started_from(tmp_path, source):
    train(tmp_path, initial=source, monitor=Recorder(stop_at=(1, 1)))
    for other in (None, InitialWeights("0" * 64, never)):
        with pytest.raises(IncompatibleCheckpoint, match="another start"):
            train(tmp_path, initial=other)


@tensorflow
def test_weights_that_are_not_the_models_are_refused(tmp_path, source):
    with pytest.raises(IncompatibleWeights, match="expected weights with the SHA-256 000000"):
        train(tmp_path, initial=InitialWeights("0" * 64, source.fetch))


@tensorflow
def test_another_network_is_refused_by_the_field_that_differs(tmp_path, source):
    wider = TINY.model_copy(update={"filters": 8})
    with pytest.raises(IncompatibleWeights, match="Filters: the model has 4, this run asks for 8"):
        train(tmp_path, wider, initial=source)


def test_fine_tuning_takes_smaller_and_fewer_steps_and_the_best_epoch():
    usual = Hyperparameters(epochs=6, learning_rate=0.01, validation_share=0.0)
    tuned = fine_tuning(usual)
    assert (tuned.epochs, tuned.learning_rate) == (3, pytest.approx(0.003))
    assert tuned.early_stopping_patience == 3
    assert tuned.validation_share > 0
    assert other_network(usual.model_dump(), tuned) == ""
    assert fine_tuning(usual.model_copy(update={"epochs": 1})).epochs == 1


def test_a_switch_that_differs_is_told_in_words():
    plain = Hyperparameters(batch_norm=False).model_dump()
    told = other_network(plain, Hyperparameters(batch_norm=True))
    assert told == "Batch normalisation: the model has it off, this run asks for it on"


def test_a_checkpoint_without_enough_arrays_is_refused():
    meta = {"hyperparameters": {"early_stopping_patience": 0, "ema": 0.0}}
    with pytest.raises(IncompatibleWeights, match="expected 3 arrays"):
        final_weights(Checkpoint(1, [np.zeros(2)], meta), 3)
