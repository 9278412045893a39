import plotly.graph_objects as go
import pytest

from tests.factories import make_running_run, record_epochs
from training.models import EpochMetric
from training.run_charts import curves


@pytest.mark.django_db
def test_the_curves_are_what_plotly_accepts_and_show_both_splits():
    run, claim = make_running_run()
    record_epochs(claim, 2)
    figures = curves(list(run.epoch_metrics.all()), run.epochs)
    assert list(figures) == ["accuracy", "loss"]
    for figure in figures.values():
        go.Figure(figure)  # raises for a property that plotly does not know
        assert [trace["name"] for trace in figure["data"]] == ["Training", "Validation"]
        assert all(trace["x"] == [1, 2] for trace in figure["data"])
    assert [trace["y"] for trace in figures["loss"]["data"]] == [[0.5, 0.25], [0.6, 0.3]]
    assert figures["accuracy"]["data"][0]["y"] == [90.0, 91.0]


def test_the_axis_has_room_for_all_epochs_from_the_start():
    assert curves([], 20)["loss"]["layout"]["xaxis"]["range"] == [0.5, 20.5]


def test_a_run_without_validation_has_gaps_not_zeros():
    metric = EpochMetric(epoch=0, train_loss=1.0, train_accuracy=0.5, learning_rate=1, seconds=1)
    assert curves([metric], 1)["accuracy"]["data"][1]["y"] == [None]
