import numpy as np
import pytest

from tests.factories import make_dataset, make_run, make_succeeded_run, make_user
from tests.training.ml.synthetic import synthetic_digits
from training import storage, wakeups
from training.models import Evaluation, TrainingRun
from training.services import evaluations
from training.services.datasets import add_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def mislabelled():
    """Test images 5 and 9 carry the label above the digit they show."""
    digits = synthetic_digits(1)
    for index in (5, 9):
        digits.test_labels[index] = (digits.test_labels[index] + 1) % 10
    return digits, add_dataset(digits, name="Wrong", kind="upload", source="a test")


def test_every_measure_is_filled_in_and_right(mislabelled):
    digits, dataset = mislabelled
    run = make_succeeded_run(dataset=dataset, evaluated=True)
    evaluation = run.evaluations.get()

    assert (evaluation.status, evaluation.count) == ("done", 64)
    assert evaluation.accuracy == pytest.approx(62 / 64)
    assert evaluation.accuracy_low < 62 / 64 < evaluation.accuracy_high
    confusion = np.array(evaluation.confusion)
    assert confusion.sum() == 64
    assert np.trace(confusion) == 62
    for index in (5, 9):
        label = digits.test_labels[index]
        assert confusion[label, (label - 1) % 10] >= 1
    assert [row["digit"] for row in evaluation.per_class] == list(range(10))
    assert set(evaluation.calibration) == {"ece", "bins"}
    assert evaluation.finished_at


def test_the_error_before_calibration_is_what_it_was_without_the_temperature(mislabelled):
    run = make_succeeded_run(dataset=mislabelled[1])
    TrainingRun.objects.filter(pk=run.pk).update(temperature=0.1)  # in a model ten times surer
    told = evaluations.evaluate(run.evaluations.get().pk).calibration
    assert told["temperature"] == 0.1
    assert told["ece_before"] > told["ece"] + 0.3


def test_of_several_networks_that_vote_the_error_before_calibration_is_not_known(mislabelled):
    run = make_succeeded_run(dataset=mislabelled[1])
    hyperparameters = run.hyperparameters | {"members": 3}
    TrainingRun.objects.filter(pk=run.pk).update(temperature=2, hyperparameters=hyperparameters)
    told = evaluations.evaluate(run.evaluations.get().pk).calibration
    assert told["temperature"] == 2
    assert "ece_before" not in told


def test_the_wrong_ones_are_listed_with_confidence(mislabelled):
    digits, dataset = mislabelled
    evaluation = make_succeeded_run(dataset=dataset, evaluated=True).evaluations.get()
    wrong = {m.index: m for m in evaluation.misclassifications.all()}

    assert set(wrong) == {5, 9}
    for index, row in wrong.items():
        assert row.true_label == digits.test_labels[index]
        assert row.predicted_label == (digits.test_labels[index] - 1) % 10
        assert 0.5 < row.confidence <= 1


def test_the_probabilities_are_stored_without_pickle(mislabelled):
    _, dataset = mislabelled
    evaluation = make_succeeded_run(dataset=dataset, evaluated=True).evaluations.get()
    with evaluation.probabilities.open() as file:
        probabilities = np.load(file, allow_pickle=False)

    assert probabilities.shape == (64, 10)
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)


def test_a_repeated_message_changes_nothing(mislabelled):
    evaluation = make_succeeded_run(dataset=mislabelled[1], evaluated=True).evaluations.get()
    again = evaluations.evaluate(evaluation.pk)

    assert again.finished_at == evaluation.finished_at
    assert again.misclassifications.count() == 2


def test_another_data_set_may_judge_the_same_run(mislabelled):
    run = make_succeeded_run(dataset=make_dataset(1), evaluated=True)
    other = Evaluation.objects.create(run=run, dataset=mislabelled[1], split="train")

    assert evaluations.evaluate(other.pk).count == 256
    assert run.evaluations.count() == 2


def test_an_evaluation_is_asked_for_once_and_a_worker_woken_after_the_commit(
    mislabelled, monkeypatch, django_capture_on_commit_callbacks
):
    woken = []
    monkeypatch.setattr(wakeups, "wake_evaluator", woken.append)
    run, rosa = make_succeeded_run(), make_user(username="rosa")
    with django_capture_on_commit_callbacks(execute=True):
        first = evaluations.request_evaluation(run, mislabelled[1], "train", by=rosa)
        assert woken == []
    with django_capture_on_commit_callbacks(execute=True):
        again = evaluations.request_evaluation(run, mislabelled[1], "train", by=rosa)

    assert first == again
    assert woken == [first.pk, first.pk]
    assert (
        run.events.filter(message__startswith="rosa asked for an evaluation on Wrong").count() == 1
    )


def test_one_that_failed_waits_again_and_one_that_is_done_stays(
    monkeypatch, django_capture_on_commit_callbacks
):
    woken = []
    monkeypatch.setattr(wakeups, "wake_evaluator", woken.append)
    run = make_succeeded_run(evaluated=True)
    with django_capture_on_commit_callbacks(execute=True):
        done = evaluations.request_evaluation(run, run.dataset, "test", by=None)
    assert (done.status, woken) == ("done", [])
    Evaluation.objects.update(status="failed", error="e")
    with django_capture_on_commit_callbacks(execute=True):
        again = evaluations.request_evaluation(run, run.dataset, "test", by=None)

    assert (again.status, again.error, woken) == ("pending", "", [again.pk])


def test_what_cannot_be_judged_is_refused_with_the_reason():
    run = make_succeeded_run()
    with pytest.raises(evaluations.EvaluationError, match="no split 'holdout'"):
        evaluations.request_evaluation(run, run.dataset, "holdout", by=None)
    run.dataset.test_count = 0
    with pytest.raises(evaluations.EvaluationError, match="no images"):
        evaluations.request_evaluation(run, run.dataset, "test", by=None)
    with pytest.raises(evaluations.EvaluationError, match="only a run that has succeeded"):
        evaluations.request_evaluation(make_run(), run.dataset, "test", by=None)


def test_a_model_file_that_was_changed_is_not_used():
    run = make_succeeded_run()
    path = storage.Path(storage.default_storage.path(run.artifacts["onnx"]["name"]))
    path.write_bytes(path.read_bytes() + b" ")
    evaluation = run.evaluations.get()

    with pytest.raises(ValueError, match="digest"):
        evaluations.evaluate(evaluation.pk)

    evaluation.refresh_from_db()
    assert evaluation.status == "failed"
    assert "digest" in evaluation.error


def test_a_failed_evaluation_can_be_tried_again():
    run = make_succeeded_run()
    Evaluation.objects.update(status="failed", error="e")
    evaluation = evaluations.evaluate(run.evaluations.get().pk)

    assert (evaluation.status, evaluation.error) == ("done", "")
