"""Trains one claimed run from its last checkpoint to its end, whatever the end is."""

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from django.db import InterfaceError, OperationalError, connection

from training import crash_points, storage
from training.ml import checkpoint
from training.ml.hyperparameters import Hyperparameters
from training.ml.initial import IncompatibleWeights, InitialWeights
from training.models import EpochMetric, RunEvent, TrainingRun
from training.services import outcomes, run_files, tensorflow_loading
from training.services.claims import Claim, ClaimLost
from training.services.datasets import load_digits
from training.services.failure_sentences import sentence_for
from training.services.heartbeat import Heartbeat, Stop
from training.services.machine import environment, train_threads
from training.services.run_log import log_event
from training.services.workspace import sweep, workspace

logger = logging.getLogger("training.run")
T = TypeVar("T")


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HANDED_BACK = "handed back"
    LOST = "lost"


class Observer(Protocol):
    """Sees what happens in this process, such as a progress bar."""

    def on_batch(self, progress: dict) -> None: ...

    def on_epoch(self, metric: EpochMetric) -> None: ...


def train(claim: Claim, stop: Stop, observer: Observer | None = None) -> Outcome:
    """Train under the claim and record the outcome. Raises nothing that training raised."""
    crash_points.reached("after-claim")
    with Heartbeat(claim, stop) as heartbeat:
        try:
            return _train(claim, heartbeat, observer)
        except ClaimLost:
            return Outcome.LOST
        except Exception as error:
            if isinstance(error, ConnectionError) and heartbeat.should_stop:
                return _stopped(claim, heartbeat)  # while waiting for the storage
            logger.exception("%s event=failed", claim)
            sentence, trace = sentence_for(error), traceback.format_exc()
            try:
                _insist(heartbeat, lambda: outcomes.failed(claim, sentence, trace))
            except ClaimLost:
                return Outcome.LOST
            return Outcome.FAILED


def _train(claim: Claim, heartbeat: Heartbeat, observer: Observer | None) -> Outcome:
    run = _insist(
        heartbeat,
        lambda: TrainingRun.objects.select_related("dataset", "initial_run").get(pk=claim.run_id),
    )
    _insist(heartbeat, lambda: outcomes.started(claim, environment()))
    crash_points.reached("after-started")
    hyperparameters = Hyperparameters(**run.hyperparameters)
    digits = _when_stored(heartbeat, lambda: load_digits(run.dataset))

    _insist(heartbeat, sweep)
    with workspace(claim) as folder:
        checkpoints = folder / "checkpoints"
        _when_stored(heartbeat, lambda: run_files.fetch_checkpoints(run.checkpoint, checkpoints))
        tensorflow_loading.load()
        if heartbeat.should_stop:
            return _stopped(claim, heartbeat)
        from training.ml.fit import fit

        monitor = _Monitor(claim, heartbeat, observer)
        result = fit(
            hyperparameters,
            digits,
            checkpoint_dir=checkpoints,
            monitor=monitor,
            threads=train_threads(),
            initial=_initial_weights(run.initial_run, folder / "initial.ckpt", heartbeat),
        )
        for note in result.notes:
            _insist(heartbeat, partial(_warn, claim, note))
        if not result.completed:
            return _stopped(claim, heartbeat)

        heartbeat.progress = {**heartbeat.progress, "stage": "exporting"}
        crash_points.reached("before-export")
        from training.ml.export import export

        exported = export(result.model, digits, folder / "export")
        crash_points.reached("after-export")
        artifacts = _when_stored(
            heartbeat, lambda: run_files.store_artifacts(claim, exported.files)
        )
        crash_points.reached("after-artifacts-stored")

    proof = vars(exported.proof)
    crash_points.reached("before-success")
    _insist(
        heartbeat,
        lambda: outcomes.succeeded(
            claim,
            weights_digest=result.weights_sha256,
            artifacts=artifacts,
            export_proof=proof,
            temperature=result.temperature,
        ),
    )
    crash_points.reached("after-success")
    with _leftovers_may_stay(claim):
        run_files.drop_other_artifacts(claim)
    return Outcome.SUCCEEDED


def _initial_weights(
    source: TrainingRun | None, local: Path, heartbeat: Heartbeat
) -> InitialWeights | None:
    """Those of another run's model, from its stored checkpoint; None for random ones."""
    if source is None:
        return None

    def fetch() -> checkpoint.Checkpoint:
        try:
            _when_stored(heartbeat, lambda: storage.fetch(source.checkpoint, local))
            return checkpoint.load(local)
        except (FileNotFoundError, checkpoint.UnsoundCheckpoint) as error:
            raise IncompatibleWeights(
                f"the checkpoint of run {source.pk} is gone or damaged"
            ) from error

    return InitialWeights(source.weights_digest, fetch)


def _stopped(claim: Claim, heartbeat: Heartbeat) -> Outcome:
    if heartbeat.lost:
        return Outcome.LOST
    if heartbeat.stop.cancel.is_set():
        crash_points.reached("before-cancelled")
        _insist(heartbeat, lambda: outcomes.cancelled(claim))
        return Outcome.CANCELLED
    crash_points.reached("before-handing-back")
    _insist(heartbeat, lambda: outcomes.handed_back(claim))
    return Outcome.HANDED_BACK


def _warn(claim: Claim, note: str) -> None:
    log_event(claim.run_id, claim.fence, note, RunEvent.Level.WARNING)


class _Monitor:
    """training.ml.fit's view of the platform: flags to read, places to put results."""

    def __init__(self, claim: Claim, heartbeat: Heartbeat, observer: Observer | None):
        self.claim = claim
        self.heartbeat = heartbeat
        self.observer = observer
        self._began = time.monotonic()
        self._first: float | None = None

    def on_batch(self, progress) -> None:
        done = progress.epoch + progress.batch / progress.batches
        if self._first is None:
            # The first group of batches also pays for tracing the graph: speed counts from here.
            self._first, self._began = done, time.monotonic()
        rate = (time.monotonic() - self._began) / (done - self._first) if done > self._first else 0
        self.heartbeat.progress = {
            "stage": "training",
            "epoch": progress.epoch,
            "epochs": progress.epochs,
            "batch": progress.batch,
            "batches": progress.batches,
            "loss": round(progress.loss, 5),
            "accuracy": round(progress.accuracy, 5),
            "fraction": round(done / progress.epochs, 5),
            "seconds_per_epoch": round(rate, 3),
        }
        if self.observer:
            self.observer.on_batch(self.heartbeat.progress)

    def on_epoch(self, result, checkpoint: Path) -> None:
        crash_points.reached("before-checkpoint-stored")
        if self.heartbeat.lost:
            raise ClaimLost(str(self.claim))
        name = _when_stored(
            self.heartbeat, lambda: run_files.store_checkpoint(self.claim, checkpoint)
        )
        crash_points.reached("after-checkpoint-stored")
        metric = EpochMetric(
            run_id=self.claim.run_id,
            fence=self.claim.fence,
            epoch=result.epoch,
            train_loss=result.train_loss,
            train_accuracy=result.train_accuracy,
            val_loss=result.val_loss,
            val_accuracy=result.val_accuracy,
            learning_rate=result.learning_rate,
            seconds=result.seconds,
        )
        _insist(self.heartbeat, lambda: outcomes.epoch_recorded(self.claim, metric, name))
        self.heartbeat.renewed()
        crash_points.reached("after-epoch-recorded")
        with _leftovers_may_stay(self.claim):
            run_files.drop_older_checkpoints(self.claim, name)
        if self.observer:
            self.observer.on_epoch(metric)

    def should_stop(self) -> bool:
        return self.heartbeat.should_stop


def _when_stored(heartbeat: Heartbeat, action: Callable[[], T]) -> T:
    """Do what needs the storage; wait for one that is away, unless training should stop."""
    return storage.patiently(action, give_up=lambda: heartbeat.should_stop)


@contextmanager
def _leftovers_may_stay(claim: Claim) -> Iterator[None]:
    """What could not be removed from a storage that is away costs room, no run."""
    try:
        yield
    except ConnectionError as error:
        logger.warning("%s event=leftovers-stay reason=%s", claim, error)


def _insist(heartbeat: Heartbeat, write: Callable[[], T]) -> T:
    """Do a write that must not get lost; wait for a database that is away while the claim holds.

    Raises ClaimLost.
    """
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            logger.warning("%s event=write-repeated reason=%s", heartbeat.claim, error)
            connection.close()
            if heartbeat.lost:
                raise ClaimLost(str(heartbeat.claim)) from error
            time.sleep(0.5)
