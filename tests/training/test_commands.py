"""`manage.py train`, `evaluate`, `import_dataset` and `keeper`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from digitsite.accounts.models import User
from tests.factories import finish_run, make_dataset, make_run, make_succeeded_run, make_user
from tests.training.ml.synthetic import synthetic_digits
from tests.training.ml.uploads import material
from training.models import Sweep, TrainingRun
from training.services import datasets, evaluations
from training.services.claims import claim_next
from training.services.trainer import Outcome

ROOT = Path(__file__).resolve().parents[2]
TINY_CHANGES = [
    "--set=filters=4",
    "--set=dense_units=16",
    "--set=batch_size=32",
    "--set=validation_share=0.25",
]


@pytest.fixture
def admin(db) -> User:
    return User.objects.create_superuser("root", password="x")


@pytest.mark.django_db(transaction=True)
@pytest.mark.tensorflow
def test_train_trains_here_evaluates_and_prints_the_run(admin, capsys):
    make_dataset()
    call_command("train", "--recipe", "fast", "--seed", "5", *TINY_CHANGES)

    run = TrainingRun.objects.get()
    assert (run.status, run.owner, run.recipe) == ("succeeded", admin, "fast")
    assert (run.hyperparameters["seed"], run.hyperparameters["filters"]) == (5, 4)
    assert run.evaluations.get().status == "done"
    out = capsys.readouterr().out
    assert out.count("epoch ") == run.epochs
    assert run.weights_digest in out
    assert "accuracy" in out
    assert out.splitlines()[-1] == f"run: http://127.0.0.1:8000/runs/{run.pk}/"


@pytest.mark.django_db(transaction=True)
def test_no_worker_can_be_quicker_than_the_command_that_trains_here(admin, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "training.wakeups.wake_trainer", lambda: seen.append(claim_next("a worker")) or True
    )
    monkeypatch.setattr("training.management.commands.train.train", lambda *_, **__: Outcome.LOST)
    make_dataset()
    with pytest.raises(CommandError, match="in other hands"):
        call_command("train")

    assert seen == [None]


@pytest.mark.django_db(transaction=True)
def test_train_prints_its_own_evaluation_when_others_were_asked_for(admin, monkeypatch, capsys):
    own, other = make_dataset(), make_dataset(1, test=40)

    def trained(claim, *_, **__):
        evaluations.request_evaluation(finish_run(claim).run, other, "test", by=None)
        return Outcome.SUCCEEDED

    monkeypatch.setattr("training.management.commands.train.train", trained)
    call_command("train", "--dataset", str(own.pk))

    run = TrainingRun.objects.get()
    assert run.evaluations.get(dataset=own).status == "done"
    assert run.evaluations.get(dataset=other).status == "pending"
    out = capsys.readouterr().out
    assert f"{own}, test split, 64 images" in out
    assert "40 images" not in out


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--set=epochs=0"], "epochs: Must be at least 1, got 0."),
        (["--set=epochs"], "expected FIELD=VALUE"),
        (["--set=colour=red"], "no hyperparameter called 'colour'"),
        (["--dataset=nowhere"], "There is no dataset 'nowhere'"),
        (["--user=nobody"], "There is no user 'nobody'"),
        (["--resume=99"], "There is no run 99"),
    ],
)
def test_train_explains_what_it_cannot_do(admin, arguments, sentence):
    make_dataset()
    with pytest.raises(CommandError, match=sentence.replace(".", r"\.")):
        call_command("train", *arguments)

    assert not TrainingRun.objects.exists()


@pytest.mark.django_db
def test_train_needs_somebody_to_own_the_run():
    make_dataset()
    with pytest.raises(CommandError, match="There is no admin yet"):
        call_command("train")


@pytest.mark.django_db
def test_queue_leaves_the_run_to_a_worker(admin, capsys):
    make_dataset()
    call_command("train", "--queue", "--note", "later")

    run = TrainingRun.objects.get()
    assert (run.status, run.note) == ("queued", "later")
    assert "Queued" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
@pytest.mark.tensorflow
@pytest.mark.processes
def test_ctrl_c_cancels_cleanly_and_the_run_can_be_resumed(admin, child_environment):
    make_dataset()
    command = [sys.executable, "manage.py", "train", *TINY_CHANGES, "--set=epochs=200"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=child_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not TrainingRun.objects.filter(epochs_done__gte=1).exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)

    run = TrainingRun.objects.get()
    assert run.status == "cancelled"
    assert process.returncode == 1
    assert f"manage.py train --resume {run.pk}" in err
    assert "Traceback" not in err
    assert out.count("epoch ") == run.epochs_done < 200


@pytest.mark.django_db
def test_evaluate_prints_accuracy_with_interval(capsys):
    run = make_succeeded_run()
    call_command("evaluate", str(run.pk))

    out = capsys.readouterr().out
    assert "64 images" in out
    assert "95 % interval" in out


@pytest.mark.django_db
def test_evaluate_on_another_split(capsys):
    run = make_succeeded_run()
    call_command("evaluate", str(run.pk), "--split", "train")

    assert run.evaluations.get(split="train").count == 256


@pytest.mark.django_db
def test_evaluate_wants_a_run_that_has_a_model():
    with pytest.raises(CommandError, match="There is no run 99"):
        call_command("evaluate", "99")
    run = make_run()
    with pytest.raises(CommandError, match="only a succeeded run has a model"):
        call_command("evaluate", str(run.pk))


@pytest.mark.django_db
def test_import_dataset_says_what_it_has(monkeypatch, capsys):
    from tests.training.ml.synthetic import synthetic_digits

    monkeypatch.setattr(
        datasets, "load_mnist", lambda path, cache_dir: (synthetic_digits(9), f"file {path.name}")
    )
    call_command("import_dataset", "/somewhere/mnist.npz")

    assert "256 training and 64 test images" in capsys.readouterr().out


@pytest.mark.django_db
def test_import_dataset_names_a_missing_file():
    with pytest.raises(CommandError, match="There is no file or folder /nowhere"):
        call_command("import_dataset", "/nowhere")


@pytest.mark.django_db(transaction=True)
@pytest.mark.processes
def test_the_keeper_works_until_sigterm(child_environment, redis_url):
    from training import wakeups

    environment = child_environment | {"REDIS_URL": redis_url, "KEEPER_INTERVAL_SECONDS": "0.1"}
    run = make_run(woken_at=None)
    before = wakeups.waiting(wakeups.TRAIN_QUEUE)
    process = subprocess.Popen([sys.executable, "manage.py", "keeper"], cwd=ROOT, env=environment)
    TrainingRun.objects.filter(pk=run.pk).update(cancel_requested=True)
    deadline = time.monotonic() + 60
    while TrainingRun.objects.get(pk=run.pk).status != "cancelled":
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()

    assert process.wait(timeout=60) == 0
    assert before is not None


@pytest.mark.django_db
def test_sweep_tells_the_plan_queues_it_and_cancels_it(admin, capsys, redis_url):
    make_dataset()
    plan = ["--try", "dropout=0, 0.2", "--try", "depth=2 to 5 in 4", "--set", "epochs=1"]
    call_command("sweep", *plan, "--dry-run")
    out = capsys.readouterr().out
    assert "4 runs of fast on Blocks v1, 4 epochs" in out
    assert out.count("Left out 2: Depth: the strided architecture needs 2 to 3") == 2
    assert "dropout=0.2, depth=3" in out
    assert not TrainingRun.objects.exists()

    call_command("sweep", *plan)
    out = capsys.readouterr().out
    sweep = Sweep.objects.get()
    assert f"Sweep {sweep.pk} is in the queue: http://127.0.0.1:8000/sweeps/{sweep.pk}/" in out
    assert "No training worker is alive" in out
    assert (sweep.owner, sweep.runs.count()) == (admin, 4)

    call_command("sweep", "--cancel", str(sweep.pk))
    assert "4 runs cancelled." in capsys.readouterr().out


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Choose at least one hyperparameter"),
        (["--try", "dropout"], "--try dropout: expected FIELD=VALUES."),
        (["--try", "dropout=2"], "dropout: Must be at most 0.9, got 2."),
        (["--try", "dropout=0", "--set", "epochs=0"], "epochs: Must be at least 1, got 0."),
        (["--try", "seed=1 to 40 in 40"], "The grid has 40 combinations, the budget is 12 runs"),
        (["--cancel", "77"], "There is no sweep 77."),
    ],
)
def test_sweep_explains_what_it_cannot_do(admin, arguments, sentence):
    make_dataset()
    with pytest.raises(CommandError) as caught:
        call_command("sweep", *arguments)
    assert sentence in str(caught.value)


@pytest.mark.django_db
def test_evaluate_looks_into_the_errors_when_asked(capsys):
    run = make_succeeded_run()
    call_command("evaluate", str(run.pk), "--analyse")

    out = capsys.readouterr().out
    assert "worst slices: " in out
    assert "strong damage costs most: " in out
    assert "most suspicious labels: #" in out
    assert run.evaluations.get().analysis.status == "done"


@pytest.mark.django_db
def test_import_dataset_makes_a_dataset_of_files_and_lists_what_it_left_out(tmp_path, capsys):
    digits = synthetic_digits(31, train=12, test=1)
    lines = material.csv_bytes(digits.train_images, digits.train_labels).splitlines()
    lines[2] = b"7,0"
    path = tmp_path / "blocks.csv"
    path.write_bytes(b"\n".join(lines))
    call_command(
        "import_dataset", str(path), name="Blocks", licence="CC0", user=make_user().username
    )
    said = capsys.readouterr().out
    assert "Blocks v1: 11 training and 0 test images" in said
    assert "blocks.csv, line 3: expected 785 values with commas, got 2" in said
    call_command("import_dataset", str(path), name="Blocks")
    assert "This content is a dataset already." in capsys.readouterr().out
    path.write_bytes(b"none")
    with pytest.raises(CommandError, match=r"blocks\.csv: expected a NumPy"):
        call_command("import_dataset", str(path), name="Blocks")
