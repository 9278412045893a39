import plotly.graph_objects as go

from training.charts import class_histogram

COUNTS = {"train": [5, 0, 3, 1, 1, 1, 1, 1, 1, 1], "test": [1, 2, 0, 0, 0, 0, 0, 0, 0, 0]}


def test_the_histogram_is_a_valid_plotly_figure_with_one_bar_a_digit_and_split():
    figure = go.Figure(class_histogram(COUNTS))  # raises for what plotly does not know
    assert [trace.name for trace in figure.data] == ["Train", "Test"]
    assert list(figure.data[0].x) == list(range(10))
    assert list(figure.data[0].y) == COUNTS["train"]
    assert list(figure.data[1].y) == COUNTS["test"]


def test_the_splits_differ_in_colour():
    inks = [trace["meta"]["ink"] for trace in class_histogram(COUNTS)["data"]]
    assert len(set(inks)) == 2


def test_an_empty_split_has_no_bars():
    figure = class_histogram({"train": [1] * 10, "test": [0] * 10})
    assert [trace["name"] for trace in figure["data"]] == ["Train"]
