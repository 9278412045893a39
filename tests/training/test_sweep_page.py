import plotly.graph_objects as go
import pytest

from tests.factories import make_sweep, record_epochs
from training import run_charts, sweep_page
from training.ml.metrics import wilson_interval
from training.models import EpochMetric, TrainingRun
from training.services.claims import claim_run

pytestmark = pytest.mark.django_db


def with_accuracies(sweep, *accuracies: float | None):
    """Its first runs have had one epoch with these validation accuracies."""
    for run, accuracy in zip(sweep.runs.order_by("pk"), accuracies, strict=False):
        if accuracy is not None:
            record_epochs(claim_run(run.pk, "test:1"), 1)
            EpochMetric.objects.filter(run=run).update(val_accuracy=accuracy)
    return list(sweep.runs.order_by("pk"))


def test_the_best_is_chosen_by_validation_accuracy_and_told_with_its_interval():
    sweep = make_sweep(dropout=[0, 0.1, 0.2])
    _, second, third = with_accuracies(sweep, 0.5, 0.95, 0.94)
    standing = sweep_page.standing(sweep)
    assert [row.run.pk for row in standing.rows][:2] == [second.pk, third.pk]
    assert (standing.best.run, standing.best.values) == (second, ["0.1"])
    assert standing.validation_count == 64
    assert standing.interval == wilson_interval(61, 64)
    assert standing.as_good == 1


def test_runs_without_a_result_come_last_and_have_no_place():
    sweep = make_sweep(dropout=[0, 0.1, 0.2])
    with_accuracies(sweep, None, 0.9)
    assert [row.place for row in sweep_page.standing(sweep).rows] == [1, None, None]


def test_before_the_first_epoch_there_is_no_best():
    standing = sweep_page.standing(make_sweep())
    assert (standing.best, standing.interval, standing.as_good) == (None, None, 0)
    assert not standing.is_over
    assert sweep_page.figure(standing) is None


def test_progress_counts_epochs_of_running_runs():
    sweep = make_sweep(dropout=[0, 0.1])
    first, second = sweep.runs.order_by("pk")
    TrainingRun.objects.filter(pk=first.pk).update(status="failed", error="The disk is full.")
    record_epochs(claim_run(second.pk, "test:1"), 1)
    standing = sweep_page.standing(sweep)
    assert standing.done_percent == pytest.approx(100 * (1 + 1 / 3) / 2, abs=0.1)
    assert standing.failures == [("The disk is full.", 1)]


def test_what_was_varied_is_told_in_the_order_of_the_form():
    sweep = make_sweep(
        seed=[1, 2], learning_rate={"low": 0.001, "high": 0.1, "log": True, "steps": 3}
    )
    assert [(field.name, field.tried) for field in sweep_page.fields_of(sweep)] == [
        ("learning_rate", "0.001 to 0.1 in 3 steps, logarithmic"),
        ("seed", "1, 2"),
    ]


def test_the_chart_has_a_line_a_run_and_plotly_accepts_it():
    sweep = make_sweep(batch_norm=[False, True], learning_rate=[0.001, 0.01])
    with_accuracies(sweep, 0.5, 0.6, 0.9, 0.7)
    figure = sweep_page.figure(sweep_page.standing(sweep))
    go.Figure(figure)
    assert [trace["y"] for trace in figure["data"]] == [
        [0, 0, 0],
        [0, 1, 0.25],
        [1, 1, 0.5],
        [1, 0, 1],  # the best is drawn last, above the others
    ]
    assert figure["data"][-1]["meta"] == {"ink": "accent"}


def test_an_axis_with_a_wide_span_is_logarithmic_and_has_its_ends_named():
    axis = run_charts.Axis("rate", [0.001, 0.01, 0.1, 1.0, 0.002, 0.5])
    assert axis.heights()[:4] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert axis.ticks()[0] == (0, "0.001")
    assert axis.ticks()[-1] == (1, "1")


def test_an_axis_on_which_all_agree_is_in_the_middle():
    assert run_charts.Axis("rate", [3, 3]).heights() == [0.5, 0.5]


def test_the_list_counts_runs_not_epochs():
    sweep = make_sweep(dropout=[0, 0.1, 0.2])
    first, *_ = with_accuracies(sweep, 0.5, 0.9)
    record_epochs(sweep_page_claim(first), 2)
    TrainingRun.objects.filter(pk=first.pk).update(status="succeeded")
    found = sweep_page.listed().get()
    assert (found.total, found.over) == (3, 1)


def sweep_page_claim(run):
    from training.services.claims import Claim

    return Claim(run.pk, run.fence)
