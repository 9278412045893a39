"""The gate: what blocks a candidate, what it waits for, what it only warns of."""

import json

import pytest

from inference import promotion_gate
from inference.models import ModelVersion
from inference.promotion_gate import State, Verdict, gate_report
from inference.services.promotion import promote
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_evaluation, make_version
from training.models import Dataset, Evaluation, TrainingRun

pytestmark = pytest.mark.django_db

IMAGES = 400


@pytest.fixture
def mnist() -> Dataset:
    return make_dataset(seed=1, test=IMAGES, name="MNIST", kind="mnist")


@pytest.fixture
def pair(mnist) -> tuple[ModelVersion, ModelVersion]:
    """The production model and a candidate, both trained on MNIST, neither judged."""
    owner = make_user()
    first, second = (make_version(owner=owner, dataset=mnist) for _ in range(2))
    promote(first, by=None, reason="first")
    return first, second


@pytest.fixture
def drawings(pair) -> Dataset:
    return make_dataset(seed=2, test=promotion_gate.MIN_DRAWINGS, name="Drawings", kind="drawings")


def report(pair, **wrong):
    return gate_report(pair[1], pair[0])


def check(report, key: str):
    return next(check for check in report.checks if check.key == key)


def of_digit(dataset: Dataset, digit: int) -> list[int]:
    from training.services.datasets import load_digits

    return [i for i, label in enumerate(load_digits(dataset).test_labels) if label == digit]


def test_the_first_model_passes_without_a_comparison(mnist):
    found = gate_report(make_version(dataset=mnist), None)
    assert found.verdict == Verdict.FIRST
    assert found.verdict.lets_pass
    assert [check.key for check in found.checks] == ["export"]
    assert "first model" in found.note


@pytest.mark.parametrize(("broken", "verdict"), [(5, Verdict.PASSED), (6, Verdict.BLOCKED)])
def test_six_broken_images_and_none_repaired_are_no_chance(pair, mnist, broken, verdict):
    """McNemar: 2 / 2**6 < 0.05 < 2 / 2**5. One image a digit, so that no digit falls."""
    make_evaluation(pair[0], mnist)
    make_evaluation(pair[1], mnist, [of_digit(mnist, digit)[0] for digit in range(broken)])
    found = report(pair)
    assert found.verdict == verdict
    assert check(found, "mnist_digits").state == State.PASSED
    if verdict == Verdict.BLOCKED:
        (reason,) = found.reasons
        assert "v2 is significantly worse than v1" in reason
        assert "repairs 0 and breaks 6 (p\u00a0=\u00a00.03)" in reason


def test_what_is_better_passes_and_is_told_so(pair, mnist):
    make_evaluation(pair[0], mnist, range(20))
    make_evaluation(pair[1], mnist, range(3))
    found = report(pair)
    assert found.verdict == Verdict.PASSED
    assert "significantly better" in check(found, "mnist").sentence


def test_a_single_digit_that_falls_blocks_although_the_whole_is_no_worse(pair, mnist):
    sevens = of_digit(mnist, 7)[:12]
    make_evaluation(pair[0], mnist, [of_digit(mnist, digit)[3] for digit in (0, 1, 2, 3)] * 1)
    make_evaluation(pair[0], mnist, [of_digit(mnist, d)[i] for d in (4, 5) for i in range(6)])
    make_evaluation(pair[1], mnist, sevens)
    found = report(pair)
    assert check(found, "mnist").state == State.PASSED
    assert found.verdict == Verdict.BLOCKED
    assert "the recall of 7 falls from 100.0" in found.reasons[0]
    assert found.splits[0].fallen_digits == [7]


def test_a_calibration_that_worsens_is_warned_of_and_passes(pair, mnist):
    make_evaluation(pair[0], mnist, confidence=0.99)
    make_evaluation(pair[1], mnist, confidence=0.97)
    found = report(pair)
    assert check(found, "mnist_calibration").state == State.WARNING
    assert found.verdict == Verdict.PASSED


def test_a_calibration_within_the_bound_is_no_warning(pair, mnist):
    make_evaluation(pair[0], mnist, confidence=0.99)
    make_evaluation(pair[1], mnist, confidence=0.985)
    assert check(report(pair), "mnist_calibration").state == State.PASSED


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        ({"h5_label_agreement": 0.9999}, "the HDF5 file gives the trained model's label on 99.99"),
        ({"onnx_label_agreement": None}, "the ONNX file gives the trained model's label on no"),
    ],
)
def test_an_export_that_differs_in_one_label_blocks(pair, mnist, proof, words):
    for version in pair:
        make_evaluation(version, mnist)
    run = pair[1].run
    TrainingRun.objects.filter(pk=run.pk).update(export_proof=run.export_proof | proof)
    run.refresh_from_db()
    found = report(pair)
    assert found.verdict == Verdict.BLOCKED
    assert words in found.reasons[0]
    assert gate_report(pair[1], None).verdict.lets_pass  # the first model: a warning


def test_frozen_drawings_block_as_mnist_does(pair, mnist, drawings):
    for version in pair:
        make_evaluation(version, mnist)
    make_evaluation(pair[0], drawings)
    make_evaluation(pair[1], drawings, range(12))
    found = report(pair)
    assert found.verdict == Verdict.BLOCKED
    assert "On Drawings v1, v2 is significantly worse" in found.reasons[0]
    assert [split.key for split in found.splits] == ["mnist", "drawings"]


def test_without_frozen_drawings_the_report_says_so(pair, mnist):
    for version in pair:
        make_evaluation(version, mnist)
    found = check(report(pair), "drawings")
    assert found.state == State.SKIPPED
    assert "no frozen drawings yet" in found.sentence


def test_too_few_frozen_drawings_do_not_judge(pair, mnist):
    few = make_dataset(seed=3, test=49, name="Drawings", kind="drawings")
    for version in pair:
        make_evaluation(version, mnist)
    make_evaluation(pair[0], few)
    make_evaluation(pair[1], few, range(20))
    found = report(pair)
    assert found.verdict == Verdict.PASSED
    assert "has 49 frozen drawings, too few" in check(found, "drawings").sentence


def test_the_newest_drawings_judge_and_versions_without_holdout_do_not(pair, drawings):
    newer = make_dataset(seed=4, test=60, name="Drawings", kind="drawings")
    make_dataset(seed=5, test=0, name="Drawings", kind="drawings")
    assert promotion_gate.judged_on(pair[0])["drawings"] == newer


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        (None, State.MISSING, "v2 has not been judged on MNIST v1 yet"),
        (Evaluation.Status.PENDING, State.PENDING, "v2 is being judged on MNIST v1"),
        (Evaluation.Status.FAILED, State.FAILED, "v2 could not be judged on MNIST v1. No disk."),
    ],
)
def test_until_both_are_judged_it_waits_and_says_for_what(pair, mnist, status, state, words):
    make_evaluation(pair[0], mnist)
    rows = Evaluation.objects.filter(run=pair[1].run)
    if status is None:
        rows.delete()
    else:
        rows.update(status=status, error="No disk." if status == "failed" else "")
    found = report(pair)
    assert found.verdict == Verdict.WAITING
    assert words in found.reasons[0]
    assert check(found, "mnist").state == state
    assert found.is_pending == (state == State.PENDING)
    assert found.can_be_asked == (state != State.PENDING)


def test_what_has_served_before_skips_the_gate_and_the_report_says_so(pair, mnist):
    make_evaluation(pair[0], mnist, range(30))
    make_evaluation(pair[1], mnist)
    promote(pair[1], by=None, reason="better")
    found = gate_report(pair[0], pair[1])
    assert found.verdict == Verdict.SERVED_BEFORE
    assert "skips the gate" in found.note
    assert check(found, "mnist").state == State.BLOCKED  # for information


def test_without_mnist_the_dataset_of_the_production_model_judges():
    first, second = (make_version(evaluated=True, dataset=make_dataset(seed)) for seed in (5, 6))
    assert promotion_gate.judged_on(first) == {"mnist": first.run.dataset}
    found = gate_report(second, first)
    assert found.verdict == Verdict.WAITING
    make_evaluation(second, first.run.dataset)
    assert gate_report(second, first).verdict == Verdict.PASSED


def test_the_report_is_json_with_the_rules_and_the_images(pair, mnist):
    make_evaluation(pair[0], mnist)
    make_evaluation(pair[1], mnist, range(70))
    told = json.loads(json.dumps(report(pair).as_dict()))
    assert (told["verdict"], told["alpha"], told["min_drawings"]) == ("blocked", 0.05, 50)
    (split,) = told["splits"]
    assert (split["broken"], split["images"], split["digest"]) == (70, IMAGES, mnist.digest)
    assert split["broken_images"] == list(range(promotion_gate.IMAGES_KEPT))
    assert split["before"]["value"] == 1.0
