import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.ml.synthetic import synthetic_digits
from training.ml import checkpoint
from training.ml.fit import BatchProgress, EpochResult, IncompatibleCheckpoint, fit
from training.ml.hyperparameters import Hyperparameters

pytestmark = pytest.mark.tensorflow

# Everything that carries state from one epoch to the next is on: dropout, averages, two members.
TINY = Hyperparameters(
    filters=4,
    dense_units=16,
    dropout=0.2,
    conv_dropout=0.1,
    members=2,
    epochs=4,
    batch_size=32,
    learning_rate=0.01,
    ema=0.9,
    rotation=5,
    shift=1,
    thickness=0.2,
    drawn_forms=0.02,
    validation_share=0.25,
    seed=7,
)


class Recorder:
    """Remembers what it is told; says stop before `stop_at` (epoch, batch) or later."""

    def __init__(self, stop_at: tuple[int, int] = (1000, 0)):
        self.batches: list[BatchProgress] = []
        self.epochs: list[EpochResult] = []
        self.checkpoints: list[bool] = []
        self.stop_at = stop_at

    def on_batch(self, progress: BatchProgress) -> None:
        self.batches.append(progress)

    def on_epoch(self, result: EpochResult, path: Path) -> None:
        self.epochs.append(result)
        self.checkpoints.append(checkpoint.load(path).epoch == result.epoch + 1)

    def should_stop(self) -> bool:
        last = self.batches[-1] if self.batches else None
        return last is not None and (last.epoch, last.batch) >= self.stop_at


def train(folder: Path, hyperparameters=TINY, monitor=None):
    return fit(
        hyperparameters,
        synthetic_digits(),
        checkpoint_dir=folder,
        monitor=monitor or Recorder(),
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    monitor = Recorder()
    folder = tmp_path_factory.mktemp("undisturbed")
    return train(folder, monitor=monitor), monitor, folder


def test_a_run_learns_and_tells_every_epoch_after_its_checkpoint(undisturbed):
    result, monitor, _ = undisturbed
    assert result.completed
    assert result.resumed_from_epoch is None
    assert [row.epoch for row in monitor.epochs] == [0, 1, 2, 3]
    assert monitor.epochs == result.epochs
    assert monitor.checkpoints == [True] * 4
    assert result.epochs[-1].train_accuracy > 0.7
    assert result.epochs[-1].val_accuracy > 0.7
    assert result.epochs[0].train_loss > result.epochs[-1].train_loss


def test_progress_ends_each_epoch_at_its_last_batch(undisturbed):
    _, monitor, _ = undisturbed
    last = {p.epoch: p for p in monitor.batches}
    assert {p.batch for p in last.values()} == {6}
    assert all(p.batches == 6 and p.epochs == 4 for p in monitor.batches)
    assert last[3].loss == pytest.approx(monitor.epochs[3].train_loss)


def test_the_same_seed_gives_the_same_bytes(undisturbed, tmp_path):
    assert train(tmp_path).weights_sha256 == undisturbed[0].weights_sha256


def test_another_seed_gives_other_bytes(undisturbed, tmp_path):
    other = train(tmp_path, TINY.model_copy(update={"seed": 8}))
    assert other.weights_sha256 != undisturbed[0].weights_sha256


def test_a_stopped_run_keeps_its_whole_epochs_and_resumes_to_the_same_bytes(undisturbed, tmp_path):
    stopped = train(tmp_path, monitor=Recorder(stop_at=(2, 1)))
    assert not stopped.completed
    assert len(stopped.epochs) == 2
    monitor = Recorder()
    resumed = train(tmp_path, monitor=monitor)
    assert resumed.resumed_from_epoch == 2
    assert [row.epoch for row in monitor.epochs] == [2, 3]
    assert resumed.weights_sha256 == undisturbed[0].weights_sha256
    without_time = [{**vars(row), "seconds": 0} for row in resumed.epochs]
    assert without_time == [{**vars(row), "seconds": 0} for row in undisturbed[0].epochs]


def test_a_truncated_checkpoint_costs_one_epoch_and_no_bit(undisturbed, tmp_path):
    train(tmp_path, monitor=Recorder(stop_at=(3, 1)))
    newest = tmp_path / "epoch-00003.ckpt"
    newest.write_bytes(newest.read_bytes()[:1000])
    resumed = train(tmp_path)
    assert resumed.resumed_from_epoch == 2
    assert resumed.weights_sha256 == undisturbed[0].weights_sha256


def test_a_finished_run_is_not_trained_again(undisturbed):
    result, _, folder = undisturbed
    monitor = Recorder()
    again = train(folder, monitor=monitor)
    assert monitor.batches == []
    assert again.completed
    assert again.weights_sha256 == result.weights_sha256


def start_process(folder: Path, hyperparameters: Hyperparameters) -> subprocess.Popen:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.training.ml.train_in_a_process",
            str(folder),
            json.dumps(hyperparameters.model_dump()),
        ],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_sigkill_and_a_new_process_end_with_the_bytes_of_an_undisturbed_run(undisturbed, tmp_path):
    with start_process(tmp_path, TINY) as killed:
        for line in killed.stdout:
            if line == "epoch 1\n":
                break
        # Somewhere inside the third epoch.
        killed.stdout.readline()
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
    assert checkpoint.newest(tmp_path).epoch in (2, 3)
    with start_process(tmp_path, TINY) as resumed:
        said = resumed.stdout.read().splitlines()
    assert "epoch 0" not in said
    assert said[-1] == f"weights {undisturbed[0].weights_sha256}"


def test_more_epochs_continue_with_the_optimizer_as_it_was(undisturbed, tmp_path):
    # Continuing a finished run of 4 is exact too: interrupted or not, the same bytes.
    longer = TINY.model_copy(update={"epochs": 7})
    for name in ("straight", "interrupted"):
        train(tmp_path / name)
    straight = train(tmp_path / "straight", longer)
    assert straight.resumed_from_epoch == 4
    assert [row.epoch for row in straight.epochs] == list(range(7))
    train(tmp_path / "interrupted", longer, Recorder(stop_at=(5, 1)))
    resumed = train(tmp_path / "interrupted", longer)
    assert resumed.resumed_from_epoch == 5
    assert resumed.weights_sha256 == straight.weights_sha256
    # A second stretch warms up and falls again.
    assert straight.epochs[4].learning_rate > straight.epochs[3].learning_rate
    assert straight.epochs[6].learning_rate == pytest.approx(
        straight.epochs[3].learning_rate, rel=1
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [({"dropout": 0.3}, "another hyperparameters"), ({"epochs": 3}, "a run of 4 epochs, got 3")],
)
def test_a_checkpoint_of_something_else_is_refused(undisturbed, change, message):
    with pytest.raises(IncompatibleCheckpoint, match=message):
        train(undisturbed[2], TINY.model_copy(update=change))


def test_a_resume_under_other_thread_counts_says_that_bits_will_differ(undisturbed, tmp_path):
    _, _, folder = undisturbed
    kept = checkpoint.newest(folder)
    other = checkpoint.Checkpoint(kept.epoch, kept.arrays, kept.meta | {"threads": 640})
    checkpoint.save(tmp_path, other)
    (note,) = train(tmp_path).notes
    assert f"with {kept.meta['threads']} threads" in note
    assert "made with 640" in note


def test_a_run_keeps_the_precision_it_began_with(undisturbed, tmp_path):
    _, _, folder = undisturbed
    kept = checkpoint.newest(folder)
    ours = kept.meta["precision"]
    other = "float32" if ours == "bfloat16" else "bfloat16"
    checkpoint.save(
        tmp_path, checkpoint.Checkpoint(kept.epoch, kept.arrays, kept.meta | {"precision": other})
    )
    (note,) = train(tmp_path).notes
    assert f"Goes on in {other}" in note
    assert checkpoint.newest(tmp_path).meta["precision"] == other


def test_early_stopping_ends_with_the_best_epoch(tmp_path):
    # A rate that breaks the network makes every epoch after the first worse.
    wild = TINY.model_copy(
        update={
            "epochs": 12,
            "early_stopping_patience": 2,
            "ema": 0.0,
            "schedule": "constant",
            "learning_rate": 0.01,
        }
    )
    result = train(tmp_path, wild)
    losses = [row.val_loss for row in result.epochs]
    if len(losses) < 12:
        assert losses.index(min(losses)) == len(losses) - 3
    from training.ml.network import set_temperature

    images, labels = held_out(wild)
    set_temperature(result.model, 1.0)  # the loss of an epoch is that before calibration
    probabilities = result.model.predict(images, verbose=0)
    loss = -sum(math.log(p[label]) for p, label in zip(probabilities, labels, strict=True))
    assert loss / len(labels) == pytest.approx(min(losses), abs=1e-4)


def held_out(hyperparameters):
    from training.ml.training_set import split_indices

    digits = synthetic_digits()
    _, aside = split_indices(
        digits.train_images, hyperparameters.validation_share, hyperparameters.seed
    )
    return digits.train_images[aside], digits.train_labels[aside]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd_nesterov", "muon"])
def test_every_optimizer_learns(tmp_path, optimizer):
    hp = TINY.model_copy(
        update={
            "optimizer": optimizer,
            "members": 1,
            "dropout": 0.0,
            "learning_rate": 0.05 if optimizer == "sgd_nesterov" else 0.01,
            "weight_decay": 0.01,
        }
    )
    assert train(tmp_path, hp).epochs[-1].train_accuracy > 0.8


@pytest.mark.parametrize(
    ("architecture", "depth", "batch_norm"),
    [("classic", 2, False), ("classic", 3, True), ("deep", 6, True)],
)
def test_every_architecture_learns(tmp_path, architecture, depth, batch_norm):
    hp = TINY.model_copy(
        update={
            "architecture": architecture,
            "depth": depth,
            "batch_norm": batch_norm,
            "members": 1,
            "precision": "float32",
            "ema": 0.0,
            "learning_rate": 0.01,
            "elastic": 1.0,
        }
    )
    result = train(tmp_path, hp)
    assert result.epochs[-1].train_loss < 0.9 * result.epochs[0].train_loss


def test_without_validation_there_are_no_validation_figures(tmp_path):
    hp = TINY.model_copy(update={"validation_share": 0.0, "epochs": 1})
    (row,) = train(tmp_path, hp).epochs
    assert row.val_loss is None
    assert row.val_accuracy is None
