"""What becomes of a claimed run, with a stand-in for the network's training."""

import errno
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from tests.factories import TINY, make_running_run, make_succeeded_run
from tests.training.services.fake_training import TEMPERATURE
from training import storage
from training.models import TrainingRun
from training.services import machine, outcomes, runs, trainer
from training.services.claims import Claim
from training.services.heartbeat import Stop
from training.services.trainer import Outcome
from training.services.workspace import sweep, workspace

pytestmark = pytest.mark.django_db(transaction=True)


def names(run: TrainingRun) -> list[str]:
    return [Path(name).name for name in storage.names_in(f"runs/{run.pk}/checkpoints")]


def test_success_keeps_files_rows_and_proof(fake, tmp_path):
    run, claim = make_running_run()

    assert trainer.train(claim, Stop()) == Outcome.SUCCEEDED

    run.refresh_from_db()
    assert (run.status, run.epochs_done, run.weights_digest) == ("succeeded", 3, "d" * 64)
    assert run.temperature == TEMPERATURE
    assert run.export_proof["onnx_max_abs_dp"] == 1e-7
    assert run.environment["packages"]["tensorflow"]
    assert run.evaluations.get().status == "pending"
    assert list(run.epoch_metrics.values_list("epoch", flat=True)) == [0, 1, 2]
    assert run.events.filter(message="a note", level="warning").exists()
    for kind, kept in run.artifacts.items():
        assert kept["name"] == f"runs/{run.pk}/1/model.{kind}"
        storage.fetch(kept["name"], tmp_path / "copy")
        assert storage.sha256_of(tmp_path / "copy") == kept["sha256"]
    assert names(run) == ["epoch-00002-fence-000001.ckpt", "epoch-00003-fence-000001.ckpt"]
    assert not list((tmp_path / "work").iterdir())


def test_cancel_is_read_while_training_and_keeps_the_checkpoint(fake, quick_heartbeat):
    run, claim = make_running_run()

    def cancel_and_wait() -> None:
        runs.request_cancel(run, by=run.owner)
        fake.waits_for_stop = True

    fake.before_epoch[1] = cancel_and_wait

    assert trainer.train(claim, Stop()) == Outcome.CANCELLED
    run.refresh_from_db()
    assert (run.status, run.epochs_done) == ("cancelled", 1)
    assert run.checkpoint.endswith("epoch-00001-fence-000001.ckpt")


def test_a_drained_run_goes_back_and_spends_nothing(fake):
    run, claim = make_running_run()
    stop = Stop()
    fake.before_epoch[2] = stop.drain.set

    assert trainer.train(claim, stop) == Outcome.HANDED_BACK
    run.refresh_from_db()
    assert (run.status, run.attempt, run.epochs_done) == ("queued", 0, 2)
    assert run.claimed_at is None


def test_the_next_trainer_starts_from_the_last_two_checkpoints(fake):
    run, claim = make_running_run()
    stop = Stop()
    fake.before_epoch[2] = stop.drain.set
    trainer.train(claim, stop)
    fake.before_epoch.clear()
    TrainingRun.objects.filter(pk=run.pk).update(status="running", fence=2)

    assert trainer.train(Claim(run.pk, 2), Stop()) == Outcome.SUCCEEDED
    assert fake.found == ["epoch-00001.ckpt", "epoch-00002.ckpt"]
    assert list(run.epoch_metrics.values_list("epoch", "fence")) == [(0, 1), (1, 1), (2, 2)]
    assert names(run) == ["epoch-00002-fence-000001.ckpt", "epoch-00003-fence-000002.ckpt"]


def test_a_missing_checkpoint_costs_an_epoch_not_the_run(fake):
    run, claim = make_running_run()
    stop = Stop()
    fake.before_epoch[2] = stop.drain.set
    trainer.train(claim, stop)
    fake.before_epoch.clear()
    run.refresh_from_db()
    storage.delete([run.checkpoint])
    TrainingRun.objects.filter(pk=run.pk).update(status="running", fence=2)

    assert trainer.train(Claim(run.pk, 2), Stop()) == Outcome.SUCCEEDED
    assert fake.found == ["epoch-00001.ckpt"]
    assert list(run.epoch_metrics.values_list("epoch", "fence")) == [(0, 1), (1, 2), (2, 2)]


def test_who_loses_the_claim_writes_nothing_more(fake, quick_heartbeat):
    run, claim = make_running_run()

    def taken_over() -> None:
        TrainingRun.objects.filter(pk=run.pk).update(fence=2, worker="another")

    fake.before_epoch[1] = taken_over

    assert trainer.train(claim, Stop()) == Outcome.LOST
    run.refresh_from_db()
    assert (run.status, run.fence, run.epochs_done, run.worker) == ("running", 2, 1, "another")
    assert run.epoch_metrics.count() == 1
    assert not run.artifacts


def test_a_trainer_that_slept_past_its_lease_stops_by_itself(fake, settings):
    settings.RUN_LEASE_SECONDS, settings.RUN_HEARTBEAT_SECONDS = 0.2, 60  # never renewed
    run, claim = make_running_run()
    fake.before_epoch[1] = lambda: setattr(fake, "waits_for_stop", True)

    assert trainer.train(claim, Stop()) == Outcome.LOST
    run.refresh_from_db()
    assert run.status == "running"  # the keeper's business


def test_a_lease_is_renewed_while_training(fake, quick_heartbeat):
    run, claim = make_running_run()
    before = run.lease_until
    seen = []

    def wait_for_renewal() -> None:
        deadline = time.monotonic() + 30
        while not seen and time.monotonic() < deadline:
            now = TrainingRun.objects.get(pk=run.pk).lease_until
            seen.extend([now] if now > before else [])
            time.sleep(0.02)

    fake.before_epoch[0] = wait_for_renewal
    trainer.train(claim, Stop())

    assert seen


@pytest.mark.parametrize(("asked", "expected"), [(3, 3), (0, len(os.sched_getaffinity(0)))])
def test_threads_are_set_and_recorded(fake, settings, asked, expected):
    settings.TRAIN_THREADS = asked
    machine.environment.cache_clear()
    run, claim = make_running_run()
    trainer.train(claim, Stop())
    machine.environment.cache_clear()

    run.refresh_from_db()
    assert fake.threads == run.environment["threads"] == expected


def test_a_database_that_is_away_for_a_moment_loses_no_epoch(fake, monkeypatch):
    run, claim = make_running_run()
    real, refusals = outcomes.epoch_recorded, [OperationalError("locked"), OperationalError("gone")]

    def refuse_twice(*args) -> None:
        if refusals:
            raise refusals.pop()
        real(*args)

    monkeypatch.setattr(outcomes, "epoch_recorded", refuse_twice)

    assert trainer.train(claim, Stop()) == Outcome.SUCCEEDED
    assert run.epoch_metrics.count() == 3
    assert refusals == []


def test_a_database_that_is_away_while_others_are_swept_up_fails_no_run(fake, monkeypatch):
    _, claim = make_running_run()
    refusals = [OperationalError("the server closed the connection")]

    def refuse_once() -> None:
        if refusals:
            raise refusals.pop()

    monkeypatch.setattr(trainer, "sweep", refuse_once)

    assert trainer.train(claim, Stop()) == Outcome.SUCCEEDED
    assert refusals == []


def test_a_cancel_during_the_start_is_honoured_before_the_first_step(fake, monkeypatch):
    run, claim = make_running_run()
    stop = Stop()
    monkeypatch.setattr("training.services.tensorflow_loading.load", stop.cancel.set)

    assert trainer.train(claim, stop) == Outcome.CANCELLED
    run.refresh_from_db()
    assert (run.status, run.epochs_done) == ("cancelled", 0)
    assert fake.threads is None  # nothing was trained


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full."),
        (MemoryError(), "Training needed more memory than this machine has."),
        (RuntimeError("boom"), "Training stopped with an error (RuntimeError)."),
    ],
)
def test_a_failure_has_a_sentence_for_people_and_a_traceback_for_admins(fake, error, sentence):
    run, claim = make_running_run()

    def fail() -> None:
        raise error

    fake.before_epoch[1] = fail

    assert trainer.train(claim, Stop()) == Outcome.FAILED
    run.refresh_from_db()
    assert (run.status, run.epochs_done) == ("failed", 1)
    assert run.error.startswith(sentence)
    assert type(error).__name__ in run.traceback
    assert run.finished_at is not None


def test_a_full_disk_at_the_checkpoint_leaves_no_half_file(fake, monkeypatch):
    def full(reader, writer, length) -> None:
        writer.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    run, claim = make_running_run()
    monkeypatch.setattr(storage.shutil, "copyfileobj", full)

    assert trainer.train(claim, Stop()) == Outcome.FAILED
    run.refresh_from_db()
    assert run.error.startswith("The disk is full.")
    assert run.checkpoint == ""
    assert names(run) == []
    folder = Path(storage.default_storage.path(f"runs/{run.pk}/checkpoints"))
    assert list(folder.iterdir()) == []


def test_a_failed_export_is_no_success(fake):
    fake.export_error = RuntimeError("the files disagree")
    run, claim = make_running_run()

    assert trainer.train(claim, Stop()) == Outcome.FAILED
    run.refresh_from_db()
    assert (run.status, run.artifacts) == ("failed", {})


def test_a_receiver_that_refuses_undoes_the_success(fake):
    from training.signals import run_succeeded

    def refuse(run, **_) -> None:
        raise ValueError("cannot register")

    run, claim = make_running_run()
    run_succeeded.connect(refuse)
    try:
        assert trainer.train(claim, Stop()) == Outcome.FAILED
    finally:
        run_succeeded.disconnect(refuse)

    run.refresh_from_db()
    assert run.status == "failed"
    assert not run.evaluations.exists()
    assert not hasattr(run, "model_version")


def test_a_continued_run_starts_from_its_parents_checkpoint(fake):
    run, claim = make_running_run()
    trainer.train(claim, Stop())
    run.refresh_from_db()
    longer = runs.continue_run(run, by=run.owner, epochs=2)
    TrainingRun.objects.filter(pk=longer.pk).update(status="running", fence=1)

    assert trainer.train(Claim(longer.pk, 1), Stop()) == Outcome.SUCCEEDED
    assert fake.found == ["epoch-00002.ckpt", "epoch-00003.ckpt"]
    longer.refresh_from_db()
    assert longer.epochs_done == 5
    assert list(longer.epoch_metrics.values_list("epoch", flat=True)) == [0, 1, 2, 3, 4]
    run.refresh_from_db()
    assert names(run) == ["epoch-00002-fence-000001.ckpt", "epoch-00003-fence-000001.ckpt"]


def test_what_dead_trainers_left_is_swept_away(fake, tmp_path):
    dead, _ = make_running_run()
    (tmp_path / "work" / f"run-{dead.pk}-fence-1-abc").mkdir(parents=True)
    for name in (f"{dead.pk}/checkpoints/.epoch-00001.ckpt.9.part", f"{dead.pk}/1/model.onnx"):
        left = Path(storage.default_storage.path(f"runs/{name}"))
        left.parent.mkdir(parents=True)
        left.write_bytes(b"half")
    TrainingRun.objects.filter(pk=dead.pk).update(fence=2)

    assert trainer.train(Claim(dead.pk, 2), Stop()) == Outcome.SUCCEEDED
    assert not list((tmp_path / "work").iterdir())
    kept = {p.name for p in Path(storage.default_storage.path(f"runs/{dead.pk}")).rglob("*.*")}
    assert not [name for name in kept if name.endswith(".part")]
    assert storage.names_in(f"runs/{dead.pk}/1") == []
    assert len(storage.names_in(f"runs/{dead.pk}/2")) == 3


def test_the_sweep_leaves_a_live_trainers_folder_alone(fake, tmp_path):
    run, claim = make_running_run()
    with workspace(claim) as folder:
        sweep()
        assert folder.exists()
        TrainingRun.objects.filter(pk=run.pk).update(fence=2)
        sweep()
        assert not folder.exists()


def test_progress_reaches_row_and_observer(fake, monkeypatch):
    monkeypatch.setattr("training.services.heartbeat.PROGRESS_ROW_SECONDS", 0.0)
    monkeypatch.setattr("training.services.heartbeat.TICK_SECONDS", 0.01)
    run, claim = make_running_run(hyperparameters=TINY)
    rows, epochs = [], []

    def look() -> None:
        deadline = time.monotonic() + 30
        while not rows and time.monotonic() < deadline:
            progress = TrainingRun.objects.get(pk=run.pk).progress
            rows.extend([progress] if progress else [])

    fake.before_epoch[1] = look
    observer = SimpleNamespace(on_batch=lambda p: None, on_epoch=epochs.append)
    trainer.train(claim, Stop(), observer)

    assert rows[0]["stage"] == "training"
    assert rows[0]["fraction"] == pytest.approx(1 / 3, abs=1e-4)
    assert [metric.epoch for metric in epochs] == [0, 1, 2]
    run.refresh_from_db()
    assert run.progress == {}


def test_the_factory_makes_what_the_trainer_makes(fake):
    by_factory = make_succeeded_run()
    run, claim = make_running_run()
    trainer.train(claim, Stop())
    run.refresh_from_db()

    assert by_factory.artifacts.keys() == run.artifacts.keys()
    assert by_factory.export_proof.keys() == run.export_proof.keys()
    assert by_factory.artifacts["onnx"].keys() == run.artifacts["onnx"].keys()
