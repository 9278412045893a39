"""Training, from the first step or from a checkpoint, to the same bits either way.

Everything random derives from (seed, epoch, member), and a checkpoint holds every variable, so a
run that is killed and resumed ends with the weights of one that never was. Thread counts are
pinned, because another count adds floats in another order.
"""

import hashlib
import logging
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from training.ml import checkpoint as checkpoints
from training.ml import precision
from training.ml.digits import Digits
from training.ml.hyperparameters import Hyperparameters
from training.ml.initial import IncompatibleWeights, InitialWeights, final_weights, other_network
from training.ml.schedule import learning_rates

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25  # should_stop is asked about this often


@dataclass(frozen=True)
class BatchProgress:
    """Where an epoch stands; loss and accuracy are means over the epoch so far."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class EpochResult:
    """One finished epoch (0-based). Validation is None when nothing is kept aside."""

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float


class Monitor(Protocol):
    """What the trainer tells, and asks, whoever started it."""

    def on_batch(self, progress: BatchProgress) -> None: ...

    def on_epoch(self, result: EpochResult, checkpoint: Path) -> None:
        """Called once the checkpoint is durable."""

    def should_stop(self) -> bool:
        """Asked several times a second; True ends training at the last whole epoch."""


@dataclass(frozen=True)
class FitResult:
    """A Keras model (float32, stock layers) and how it came about.

    temperature: what the model divides its logits by, so that confidence is honest.
    epochs: all of them, those before a resume included. completed: False if stopped.
    notes: sentences for the run's log, such as a resume under other thread counts.
    """

    model: Any
    weights_sha256: str
    temperature: float
    epochs: list[EpochResult]
    completed: bool
    resumed_from_epoch: int | None
    notes: list[str] = field(default_factory=list)


class IncompatibleCheckpoint(ValueError):
    """The checkpoint belongs to other hyperparameters or another dataset."""


def fit(
    hyperparameters: Hyperparameters,
    digits: Digits,
    *,
    checkpoint_dir: Path,
    monitor: Monitor,
    threads: int | None = None,
    initial: InitialWeights | None = None,
) -> FitResult:
    """Train until done or told to stop; resume exactly from the newest sound checkpoint.

    A checkpoint of a finished run with fewer epochs, and otherwise the same hyperparameters, is
    continued: optimizer and averages go on, the schedule starts a second stretch over the epochs
    that were added.

    initial: weights to start from instead of random ones.
    threads: TensorFlow's, by default one a CPU this process may use.
    Raises IncompatibleCheckpoint and IncompatibleWeights.
    """
    threads = pin_threads(threads)
    start = checkpoints.newest(checkpoint_dir)
    plan = _Plan.make(hyperparameters, digits, threads, start, initial)

    from training.ml.trainer import Trainer

    trainer = Trainer(hyperparameters.model_copy(update={"precision": plan.precision}), digits)
    history: list[EpochResult] = []
    if start is not None:
        trainer.restore(start.arrays)
        history = [EpochResult(**row) for row in start.meta["history"]]
    elif initial is not None:
        _start_from(trainer, hyperparameters, initial)
    best = _Best.of(history, hyperparameters.early_stopping_patience)

    completed = True
    for epoch in range(len(history), plan.epochs):
        if best.exhausted:
            break
        began = time.perf_counter()
        rates = plan.rates(hyperparameters, epoch, trainer.steps)
        trained = _train_epoch(trainer, rates, epoch, plan.epochs, monitor)
        if trained is None:
            completed = False
            break
        validation = trainer.validate()
        result = EpochResult(
            epoch=epoch,
            train_loss=trained[0],
            train_accuracy=trained[1],
            val_loss=validation and validation[0],
            val_accuracy=validation and validation[1],
            learning_rate=float(rates[-1]),
            seconds=time.perf_counter() - began,
        )
        history.append(result)
        if best.add(result):
            trainer.remember_best()
        meta = plan.meta() | {"history": [asdict(row) for row in history]}
        saved = checkpoints.save(
            checkpoint_dir, checkpoints.Checkpoint(len(history), trainer.state(), meta)
        )
        monitor.on_epoch(result, saved)

    model = trainer.inference_model(best=bool(best.patience))
    temperature = trainer.calibrate()
    return FitResult(
        model=model,
        weights_sha256=weights_sha256(model),
        temperature=temperature,
        epochs=history,
        completed=completed,
        resumed_from_epoch=start.epoch if start else None,
        notes=plan.notes,
    )


def _start_from(trainer, hyperparameters: Hyperparameters, initial: InitialWeights) -> None:
    checkpoint = initial.fetch()
    difference = other_network(checkpoint.meta["hyperparameters"], hyperparameters)
    if difference:
        raise IncompatibleWeights(difference)
    trainer.start_from(final_weights(checkpoint, trainer.weight_count))
    found = weights_sha256(trainer.inference_model())
    if found != initial.sha256:
        raise IncompatibleWeights(
            f"expected weights with the SHA-256 {initial.sha256[:12]}, got {found[:12]}"
        )


def _train_epoch(trainer, rates, epoch, epochs, monitor) -> tuple[float, float] | None:
    """Mean loss and accuracy of the epoch, or None when told to stop."""
    trainer.begin_epoch(epoch, rates)
    group, done = 2, 0
    while done < trainer.steps:
        if monitor.should_stop():
            return None
        began = time.perf_counter()
        count = min(group, trainer.steps - done)
        loss, accuracy = trainer.train(done, count)
        done += count
        # The size of a group changes when the monitor is asked, not one bit of the result.
        a_step = (time.perf_counter() - began) / count
        group = int(np.clip(POLL_SECONDS / a_step, 1, min(2 * group, 64)))
        monitor.on_batch(BatchProgress(epoch, epochs, done, trainer.steps, loss, accuracy))
    return loss, accuracy


def weights_sha256(model) -> str:
    """SHA-256, in hex, of all weights of a Keras model: name, shape and float32 bytes."""
    sha256 = hashlib.sha256()
    for weight in model.weights:
        array = np.ascontiguousarray(weight.numpy(), dtype="<f4")
        sha256.update(f"{weight.path} {array.shape}\n".encode())
        sha256.update(array)
    return sha256.hexdigest()


def pin_threads(threads: int | None) -> int:
    """Fix TensorFlow's thread counts and make its kernels deterministic, for the whole process.

    Returns the count in force: TensorFlow takes none after its first operation.
    """
    import tensorflow as tf

    wanted = threads or len(os.sched_getaffinity(0))
    tf.config.experimental.enable_op_determinism()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(wanted)
        tf.config.threading.set_inter_op_parallelism_threads(wanted)
    except RuntimeError:
        return tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count() or 1
    return wanted


@dataclass
class _Plan:
    """The stretches of epochs of a run, and what a checkpoint must agree with."""

    stretches: list[int]
    identity: dict[str, Any]
    threads: int
    precision: str
    notes: list[str]

    @classmethod
    def make(cls, hyperparameters, digits, threads, start, initial) -> "_Plan":
        identity = {
            "hyperparameters": hyperparameters.model_dump(exclude={"epochs"}),
            "dataset": digits.digest,
            "initial": initial.sha256 if initial else "",
        }
        wanted = precision.resolve(hyperparameters.precision)
        plan = cls([hyperparameters.epochs], identity, threads, wanted, [])
        if start is None:
            return plan
        for key, ours in identity.items():
            # Checkpoints made before runs could start from another's weights do not tell them.
            if start.meta.get(key, "") != ours:
                what = "start" if key == "initial" else key
                raise IncompatibleCheckpoint(f"The checkpoint belongs to another {what}.")
        # A run has one precision, whatever the machine that goes on with it would choose.
        plan.precision = start.meta.get("precision", plan.precision)
        if plan.precision != wanted:
            plan.notes.append(
                f"Goes on in {plan.precision}, in which it began; this machine alone would have "
                f"chosen {wanted}."
            )
        if start.meta["threads"] != threads:
            plan.notes.append(
                f"Resumed with {threads} threads; the checkpoint was made with "
                f"{start.meta['threads']}, so the weights will differ in their last bits."
            )
        stretches = list(start.meta["stretches"])
        added = hyperparameters.epochs - sum(stretches)
        if added > 0:
            if start.epoch < sum(stretches):
                # Stopped early: what was left out is not made up for.
                added = hyperparameters.epochs - start.epoch
                stretches[-1] -= sum(stretches) - start.epoch
            stretches.append(added)
        elif added < 0:
            raise IncompatibleCheckpoint(
                f"The checkpoint belongs to a run of {sum(stretches)} epochs, "
                f"got {hyperparameters.epochs}."
            )
        plan.stretches = stretches
        return plan

    @property
    def epochs(self) -> int:
        return sum(self.stretches)

    def rates(self, hyperparameters, epoch: int, steps: int) -> np.ndarray:
        """(steps,) float32: the learning rates of one epoch."""
        first = 0
        for length in self.stretches:
            if epoch < first + length:
                break
            first += length
        rates = learning_rates(hyperparameters, length * steps)
        return rates[(epoch - first) * steps :][:steps]

    def meta(self) -> dict[str, Any]:
        return self.identity | {
            "stretches": self.stretches,
            "threads": self.threads,
            "precision": self.precision,
        }


@dataclass
class _Best:
    """Early stopping: the lowest validation loss so far and how long ago it was."""

    patience: int
    loss: float = float("inf")
    waited: int = 0

    @classmethod
    def of(cls, history: list[EpochResult], patience: int) -> "_Best":
        best = cls(patience)
        for result in history:
            best.add(result)
        return best

    def add(self, result: EpochResult) -> bool:
        """True if this epoch is the best so far and is to be remembered."""
        if not self.patience:
            return False
        if result.val_loss < self.loss:
            self.loss, self.waited = result.val_loss, 0
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        return bool(self.patience) and self.waited >= self.patience
