"""The judge itself: it finds no fault with a sound story, and names what is wrong in others."""

import hashlib
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.faults import invariants
from tests.faults.case import EPOCHS, Case
from tests.faults.databases import Sqlite
from tests.faults.invariants import violations

RUN = 7
CHECKPOINTS = Path("runs/7/checkpoints")


class Story:
    """A run that was claimed, killed in its third epoch, claimed again and succeeded."""

    def __init__(self, folder: Path):
        self.files = folder / "home" / "files"
        (self.files / CHECKPOINTS).mkdir(parents=True)
        for epoch in (EPOCHS - 1, EPOCHS):
            (self.files / CHECKPOINTS / f"epoch-{epoch:05d}-fence-000002.ckpt").touch()
        model = self.files / "runs/7/2/model.onnx"
        model.parent.mkdir()
        model.write_bytes(b"model")
        digest = hashlib.sha256(b"model").hexdigest()
        self.database = Sqlite(folder)
        self.execute(
            "CREATE TABLE training_trainingrun (id, status, fence, epochs_done, attempt, worker, "
            "error, weights_digest, lease_until, artifacts, checkpoint)"
        )
        self.execute("CREATE TABLE training_epochmetric (run_id, epoch UNIQUE, fence)")
        for table in ("inference_modelversion", "training_evaluation"):
            self.execute(f"CREATE TABLE {table} (id, run_id)")
        self.database.install_record()
        self.execute(
            "INSERT INTO training_trainingrun VALUES (?, ?, 0, 0, 0, '', '', '', NULL, ?, ?)",
            RUN,
            "queued",
            f'{{"onnx": {{"name": "runs/7/2/model.onnx", "sha256": "{digest}"}}}}',
            str(CHECKPOINTS / f"epoch-{EPOCHS:05d}-fence-000002.ckpt"),
        )

    def execute(self, sql: str, *values) -> None:
        with closing(sqlite3.connect(self.database.file)) as connection, connection:
            connection.execute(sql, values)

    def update(self, **fields) -> None:
        sets = ", ".join(f"{name} = ?" for name in fields)
        self.execute(f"UPDATE training_trainingrun SET {sets}", *fields.values())

    def claim(self, fence: int) -> None:
        self.update(status="running", fence=fence, attempt=fence)

    def epoch(self, number: int, fence: int) -> None:
        self.update(epochs_done=number + 1)
        self.execute("INSERT INTO training_epochmetric VALUES (?, ?, ?)", RUN, number, fence)

    def tell(self) -> None:
        self.claim(1)
        self.epoch(0, 1)
        self.epoch(1, 1)
        self.update(status="queued")
        self.claim(2)
        for number in range(2, EPOCHS):
            self.epoch(number, 2)
        self.succeed()

    def succeed(self) -> None:
        self.update(status="succeeded", weights_digest="right")
        for table in ("inference_modelversion", "training_evaluation"):
            self.execute(f"INSERT INTO {table} VALUES (1, ?)", RUN)

    def judged(self, **fields) -> str:
        database = self.database
        site = SimpleNamespace(
            database=database,
            home=self.files.parent,
            processes={},
            pids=list,
            run=lambda run_id: database.rows("SELECT * FROM training_trainingrun")[0],
        )
        return "; ".join(violations(Case(site, random.Random(0), RUN, **fields), "right"))


@pytest.fixture
def story(tmp_path: Path, monkeypatch) -> Story:
    monkeypatch.setattr(invariants, "SETTLE_SECONDS", 0)
    return Story(tmp_path)


def test_nothing_is_wrong_with_a_run_that_was_killed_and_resumed(story):
    story.tell()
    assert story.judged() == ""


def test_other_weights_are_noticed(story):
    story.tell()
    story.update(weights_digest="wrong")
    assert "weights wrong, undisturbed right" in story.judged()


def test_another_end_than_expected_is_noticed(story):
    story.claim(1)
    story.update(status="failed", error="The disk is full.")
    assert "failed (The disk is full.), expected succeeded" in story.judged()


def test_a_lease_that_outlives_the_run_is_noticed(story):
    story.tell()
    story.update(lease_until="2030-01-01")
    assert "a lease until 2030-01-01" in story.judged()


def test_an_epoch_of_a_trainer_that_lost_its_claim_is_noticed(story):
    story.claim(1)
    story.epoch(0, 1)
    story.update(status="queued")
    story.claim(2)
    story.epoch(1, 1)
    assert "a stale trainer wrote an epoch" in story.judged()


def test_a_lower_fence_after_a_higher_is_noticed(story):
    story.claim(1)
    story.epoch(0, 1)
    story.update(fence=0)
    assert "fence 1 to 0 while running to running" in story.judged()


def test_epochs_trained_twice_are_noticed_unless_a_checkpoint_was_damaged(story):
    story.claim(1)
    story.epoch(0, 1)
    story.epoch(1, 1)
    story.update(status="queued")
    story.claim(2)
    story.execute("DELETE FROM training_epochmetric WHERE epoch = 1")
    story.update(epochs_done=1)
    for number in range(1, EPOCHS):
        story.epoch(number, 2)
    story.succeed()
    assert "epochs were recorded in the order [0, 1, 1, 2" in story.judged()
    assert story.judged(may_go_back=True) == ""


def test_a_missing_epoch_is_noticed(story):
    story.tell()
    story.execute("DELETE FROM training_epochmetric WHERE epoch = 3")
    assert f"{EPOCHS} epochs done, rows" in story.judged()


def test_a_move_that_the_table_does_not_know_is_noticed(story):
    story.tell()
    story.update(status="running")
    assert "moved from succeeded to running" in story.judged()


def test_a_second_model_is_noticed(story):
    story.tell()
    story.execute("INSERT INTO inference_modelversion VALUES (2, ?)", RUN)
    assert "2 rows in inference_modelversion" in story.judged()


def test_training_on_after_a_cancel_is_noticed(story):
    story.tell()
    assert "trained for 2.5 s after cancel" in story.judged(trained_after_cancel=2.5)


@pytest.mark.parametrize(
    "name", ["checkpoints/.epoch-00006-fence-000002.ckpt.99.part", "1/model.onnx"]
)
def test_a_file_that_nobody_needs_is_noticed(story, name):
    story.tell()
    path = story.files / "runs/7" / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert f"left over: runs/7/{name}" in story.judged()


def test_a_model_file_with_other_content_is_noticed(story):
    story.tell()
    (story.files / "runs/7/2/model.onnx").write_bytes(b"other")
    assert "runs/7/2/model.onnx does not have its digest" in story.judged()


def test_a_folder_of_a_dead_trainer_is_noticed(story):
    story.tell()
    (story.files.parent / "work" / "run-7-fence-1-abc").mkdir(parents=True)
    assert "run-7-fence-1-abc" in story.judged()
