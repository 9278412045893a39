"""Figures of a run as plain plotly JSON. Colours are names that charts.js turns into the theme's.

The tests hold every figure against plotly's own schema; the web process need not import plotly.
"""

from collections.abc import Sequence
from typing import Any

from training.models import EpochMetric

Figure = dict[str, Any]


def curves(metrics: Sequence[EpochMetric], epochs: int) -> dict[str, Figure]:
    """Accuracy (percent) and loss against epochs, from 1, for training and validation."""
    x = [metric.epoch + 1 for metric in metrics]
    train = {
        "accuracy": [_percent(metric.train_accuracy) for metric in metrics],
        "loss": [metric.train_loss for metric in metrics],
    }
    validation = {
        "accuracy": [_percent(metric.val_accuracy) for metric in metrics],
        "loss": [metric.val_loss for metric in metrics],
    }
    return {
        name: {
            "data": [
                _line("Training", x, train[name], f"{name}-train", unit, "ink-2", "dot"),
                _line("Validation", x, validation[name], f"{name}-val", unit, "accent", "solid"),
            ],
            "layout": {
                "xaxis": {
                    "title": {"text": "Epoch"},
                    "range": [0.5, max(epochs, 2) + 0.5],
                    "tick0": 1,
                    "dtick": max(1, round(epochs / 10)),
                },
                "yaxis": {
                    "title": {"text": title},
                    "ticksuffix": unit,
                    **({} if metrics else {"range": [0, empty_top]}),
                },
            },
        }
        for name, title, unit, empty_top in (
            ("accuracy", "Accuracy", " %", 100),
            ("loss", "Loss", "", 1),
        )
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 4)


def _line(name: str, x: list, y: list, uid: str, unit: str, ink: str, dash: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "uid": uid,
        "x": x,
        "y": y,
        "line": {"dash": dash, "width": 2},
        "marker": {"size": 5},
        "meta": {"ink": ink},
        "hovertemplate": f"epoch %{{x}}: %{{y:.4~f}}{unit}",
    }
