"""Figures of datasets as plain plotly JSON. Colours are names that charts.js looks up.

The tests hold every figure against plotly's own schema; the web process need not import plotly.
"""

from typing import Any

Figure = dict[str, Any]
INKS = {"train": "accent", "test": "margin-line"}


def in_order(class_counts: dict[str, list[int]]) -> list[tuple[str, list[int]]]:
    """Training before test: PostgreSQL does not keep the order of a JSON object's keys."""
    return [(split, class_counts[split]) for split in INKS if split in class_counts]


def class_histogram(class_counts: dict[str, list[int]]) -> Figure:
    """Images of each digit, one group of bars a digit, one colour a split.

    class_counts: {"train": [ten counts], "test": [ten counts]}, index = digit. An empty split is
    left out.
    """
    return {
        "data": [
            {
                "type": "bar",
                "name": split.capitalize(),
                "x": list(range(10)),
                "y": counts,
                "meta": {"ink": INKS[split]},
                "hovertemplate": "%{y:,} images",
            }
            for split, counts in in_order(class_counts)
            if any(counts)
        ],
        "layout": {
            "barmode": "group",
            "xaxis": {"title": {"text": "Digit"}, "tickmode": "linear", "dtick": 1},
            "yaxis": {"title": {"text": "Images"}, "tickformat": ",d", "rangemode": "tozero"},
        },
    }
