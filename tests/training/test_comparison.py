import plotly.graph_objects as go
import pytest

from tests.factories import TINY, make_dataset, make_run, make_running_run, record_epochs
from training.comparison import MOST_RUNS, compare

pytestmark = pytest.mark.django_db


def test_only_the_hyperparameters_that_differ_are_shown():
    dataset = make_dataset()
    one = make_run(dataset=dataset, hyperparameters=TINY.model_copy(update={"dropout": 0.2}))
    other = make_run(dataset=dataset, hyperparameters=TINY.model_copy(update={"batch_norm": False}))
    found = compare([one.pk, other.pk])
    assert [(row.title, row.values) for row in found.differences] == [
        ("Batch normalisation", ["yes", "no"]),
        ("Dropout", ["0.2", "0"]),
    ]
    assert found.one_dataset


def test_a_field_that_an_old_run_did_not_know_has_its_default():
    dataset = make_dataset()
    old = make_run(dataset=dataset)
    old.hyperparameters.pop("elastic")
    old.save()
    new = make_run(dataset=dataset)
    assert compare([old.pk, new.pk]).differences == []


def test_the_order_is_the_one_asked_for_and_nothing_comes_twice():
    dataset = make_dataset()
    first, second = make_run(dataset=dataset), make_run(dataset=dataset)
    found = compare([second.pk, first.pk, second.pk, 10**9])
    assert [column.run.pk for column in found.columns] == [second.pk, first.pk]


def test_more_than_fit_are_cut():
    dataset = make_dataset()
    ids = [make_run(dataset=dataset).pk for _ in range(MOST_RUNS + 1)]
    assert len(compare(ids).columns) == MOST_RUNS


def test_all_curves_are_in_one_figure_that_plotly_accepts():
    runs = []
    for share in (0.25, 0.0):
        hyperparameters = TINY.model_copy(update={"validation_share": share})
        run, claim = make_running_run(hyperparameters=hyperparameters)
        record_epochs(claim, 2)
        if not share:
            run.epoch_metrics.update(val_loss=None, val_accuracy=None)
        runs.append(run)
    found = compare([run.pk for run in runs])
    for figure in found.figures.values():
        go.Figure(figure)
    one, other = found.figures["accuracy"]["data"]
    assert (one["name"], one["y"]) == (f"Run {runs[0].pk}", [89.0, 90.0])
    assert (other["name"], other["y"]) == (f"Run {runs[1].pk} (training)", [90.0, 91.0])
    assert not found.one_dataset or runs[0].dataset_id == runs[1].dataset_id
    assert found.columns[0].best.epoch == 1
    assert found.columns[1].best is None
