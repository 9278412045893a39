from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from tests.factories import make_dataset, make_succeeded_run, make_user
from tests.training.ml.synthetic import synthetic_digits
from training import slice_providers, wakeups
from training.models import Analysis, Evaluation
from training.services import analyses, analysis_work
from training.services.datasets import add_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def woken(monkeypatch) -> list[int]:
    sent: list[int] = []
    monkeypatch.setattr(wakeups, "wake_analyst", lambda pk: sent.append(pk) or True)
    return sent


def make_evaluation() -> Evaluation:
    """Of 64 test images of which 5 and 9 carry the label above the digit they show."""
    digits = synthetic_digits(1)
    for index in (5, 9):
        digits.test_labels[index] = (digits.test_labels[index] + 1) % 10
    dataset = add_dataset(digits, name="Wrong", kind="upload", source="a test")
    return make_succeeded_run(dataset=dataset, evaluated=True).evaluations.get()


def analysed(evaluation: Evaluation) -> Analysis:
    return analyses.analyse(analyses.request_analysis(evaluation, by=None).pk)


def test_a_finished_evaluation_is_analysed_whole():
    evaluation = make_evaluation()
    analysis = analysed(evaluation)

    assert (analysis.status, analysis.error, analysis.progress) == ("done", "", {})
    assert {row["index"] for row in analysis.suspects[:2]} == {5, 9}
    accuracies = [row["accuracy"] for row in analysis.slices]
    assert accuracies == sorted(accuracies)
    assert {row["kind"] for row in analysis.slices} >= {"Digit", "Pen width", "Slant", "Size"}
    assert len(analysis.corruptions["rows"]) == 8
    for row in analysis.corruptions["rows"]:
        for cell in row["cells"]:
            assert cell["drop"] == pytest.approx(analysis.corruptions["clean"] - cell["accuracy"])
            assert cell["low"] <= cell["accuracy"] <= cell["high"]
    with analysis.file.open() as file, np.load(file, allow_pickle=False) as arrays:
        assert arrays["quality"].shape == (64,)
        assert arrays["neighbours"].shape == (64, 10)
        assert {5, 9} <= set(arrays["map_indices"])
        assert arrays["samples"].shape == (8, 3, 28, 28)
        labels = synthetic_digits(1).train_labels[arrays["neighbours"]]
    shown = synthetic_digits(1).test_labels  # what the images show, whatever their labels say
    assert (labels == shown[:, None]).mean() > 0.95


def test_the_same_evaluation_gives_the_same_file_and_a_repeated_message_changes_nothing():
    evaluation = make_evaluation()
    first = analysed(evaluation)
    again = analyses.analyse(first.pk)
    assert again.finished_at == first.finished_at
    Analysis.objects.update(status="pending", file="")
    assert analyses.analyse(first.pk).file.name == first.file.name


def test_images_of_the_training_split_are_not_their_own_neighbours():
    run = make_succeeded_run(dataset=make_dataset(2))
    evaluation = Evaluation.objects.create(run=run, dataset=run.dataset, split="train")
    analyses_of = analysed(analyses_ready(evaluation))
    with analyses_of.file.open() as file, np.load(file, allow_pickle=False) as arrays:
        assert not (arrays["neighbours"] == np.arange(256)[:, None]).any()


def analyses_ready(evaluation: Evaluation) -> Evaluation:
    from training.services.evaluations import evaluate

    return evaluate(evaluation.pk)


def test_it_is_asked_for_once_and_woken_after_the_commit(woken, django_capture_on_commit_callbacks):
    evaluation = make_evaluation()
    with django_capture_on_commit_callbacks(execute=True):
        first = analyses.request_analysis(evaluation, by=make_user(username="rosa"))
        assert woken == []
    with django_capture_on_commit_callbacks(execute=True):
        again = analyses.request_analysis(evaluation, by=None)
    assert first == again
    assert woken == [first.pk, first.pk]
    assert evaluation.run.events.filter(message__startswith="rosa asked for an analysis").exists()


def test_what_is_not_judged_yet_cannot_be_analysed():
    with pytest.raises(analyses.AnalysisError, match="not finished"):
        analyses.request_analysis(make_succeeded_run().evaluations.get(), by=None)


def test_a_failure_is_told_and_may_be_tried_again(monkeypatch):
    evaluation = make_evaluation()

    def broken(*_):
        raise ValueError("the model file is not the one")

    with monkeypatch.context() as patch:
        patch.setattr(analyses, "compute", broken)
        with pytest.raises(ValueError, match="not the one"):
            analysed(evaluation)
    analysis = Analysis.objects.get()
    assert (analysis.status, analysis.error) == (
        "failed",
        "The analysis stopped: the model file is not the one",
    )
    assert analysed(evaluation).status == "done"


def test_one_that_is_running_is_left_to_who_runs_it_until_that_falls_silent():
    analysis = analyses.request_analysis(make_evaluation(), by=None)
    now = timezone.now()
    Analysis.objects.update(status="running", attempt=1, beat_at=now)
    assert analyses.analyse(analysis.pk).status == "running"
    Analysis.objects.update(beat_at=now - timedelta(seconds=analyses.SILENCE_SECONDS + 1))
    assert analyses.overdue(now) == [analysis.pk]
    done = analyses.analyse(analysis.pk)
    assert (done.status, done.attempt) == ("done", 2)


def test_who_was_taken_over_writes_nothing(monkeypatch):
    analysis = analyses.request_analysis(make_evaluation(), by=None)

    def slow(evaluation, report):
        Analysis.objects.update(attempt=2)
        return {"slices": []}, {}

    monkeypatch.setattr(analyses, "compute", slow)
    assert analyses.analyse(analysis.pk).status == "running"
    assert Analysis.objects.get().slices is None


def test_work_that_kills_its_worker_again_and_again_is_given_up():
    analysis = analyses.request_analysis(make_evaluation(), by=None)
    Analysis.objects.update(
        status="running", attempt=3, beat_at=timezone.now() - timedelta(hours=1)
    )
    assert analyses.analyse(analysis.pk).status == "failed"
    assert "died 3 times" in Analysis.objects.get().error


def test_progress_is_told_in_words_and_shares(monkeypatch):
    monkeypatch.setattr(analyses, "_REPORT_EVERY_SECONDS", 0)
    told = []
    evaluation = make_evaluation()
    analysis_work.compute(evaluation, lambda stage, share: told.append((stage, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 1
    assert ("Damaging images: blur", pytest.approx(0.7375)) in told


def test_a_wake_up_that_got_lost_is_due_after_a_while():
    analysis = analyses.request_analysis(make_evaluation(), by=None)
    now = timezone.now()
    assert analyses.overdue(now) == []
    assert analyses.overdue(now + timedelta(seconds=31)) == [analysis.pk]


def test_other_apps_add_kinds_of_slices(monkeypatch):
    monkeypatch.setattr(slice_providers, "_providers", {})
    evaluation = make_evaluation()
    slice_providers.register(
        "test", lambda dataset, split: {"Author": np.array(["ada"] * 10 + [""] * 54)}
    )
    found = [row for row in analysed(evaluation).slices if row["kind"] == "Author"]
    assert [(row["name"], row["count"], row["wrong"]) for row in found] == [("ada", 10, 2)]
