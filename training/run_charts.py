"""Figures of a run as plain plotly JSON. Colours are names that charts.js turns into the theme's.

The tests hold every figure against plotly's own schema; the web process need not import plotly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
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


# As many colours as the eye tells apart, each solid, then dashed.
SERIES_INKS = tuple(f"series-{number}" for number in range(1, 7))


def compared(runs: Sequence[tuple[str, Sequence[EpochMetric]]]) -> dict[str, Figure]:
    """Accuracy (percent) and loss of several runs, on validation images where a run has them.

    runs: (name, metrics), at most twice as many as there are inks.
    """
    lines: dict[str, list[dict[str, Any]]] = {"accuracy": [], "loss": []}
    for number, (name, metrics) in enumerate(runs):
        validated = any(metric.val_accuracy is not None for metric in metrics)
        split = "val" if validated else "train"
        named = name if validated or not metrics else f"{name} (training)"
        ink = SERIES_INKS[number % len(SERIES_INKS)]
        dash = "solid" if number < len(SERIES_INKS) else "dash"
        x = [metric.epoch + 1 for metric in metrics]
        accuracy = [_percent(getattr(metric, f"{split}_accuracy")) for metric in metrics]
        loss = [getattr(metric, f"{split}_loss") for metric in metrics]
        lines["accuracy"].append(_line(named, x, accuracy, f"accuracy-{number}", " %", ink, dash))
        lines["loss"].append(_line(named, x, loss, f"loss-{number}", "", ink, dash))
    longest = max((len(metrics) for _, metrics in runs), default=0)
    return {
        name: {
            "data": lines[name],
            "layout": {
                "hovermode": "closest",
                "xaxis": {
                    "title": {"text": "Epoch"},
                    "range": [0.5, max(longest, 2) + 0.5],
                    "tick0": 1,
                    "dtick": max(1, round(longest / 10)),
                },
                "yaxis": {"title": {"text": title}, "ticksuffix": unit},
            },
        }
        for name, title, unit in (("accuracy", "Accuracy", " %"), ("loss", "Loss", ""))
    }


@dataclass(frozen=True)
class Axis:
    """One upright of a chart of parallel coordinates: a value of each run, numbers or words."""

    title: str
    values: list[Any]

    def ticks(self) -> list[tuple[float, str]]:
        """(height, text): every word or few numbers, else the ends and the middle."""
        steps = self._steps()
        if len(steps) <= 5:
            return [(self._height(value), _plain(value)) for value in steps]
        low, high = steps[0], steps[-1]
        middle = math.sqrt(low * high) if self._is_log else (low + high) / 2
        return [(0.0, _plain(low)), (0.5, _plain(middle)), (1.0, _plain(high))]

    def heights(self) -> list[float]:
        """0..1 for each run: by size, or by place where values are words."""
        return [self._height(value) for value in self.values]

    @property
    def _are_words(self) -> bool:
        return any(isinstance(value, bool | str) for value in self.values)

    @property
    def _is_log(self) -> bool:
        """Ratios count where the values span more than a factor of twenty."""
        if self._are_words:
            return False
        return min(self.values) > 0 and max(self.values) / min(self.values) > 20

    def _steps(self) -> list[Any]:
        return sorted(set(self.values))

    def _height(self, value: Any) -> float:
        steps = self._steps()
        if len(steps) == 1:
            return 0.5
        if self._are_words:
            return steps.index(value) / (len(steps) - 1)
        scale = math.log if self._is_log else float
        low, high = scale(steps[0]), scale(steps[-1])
        return (scale(value) - low) / (high - low)


def parallel(names: Sequence[str], axes: Sequence[Axis]) -> Figure:
    """Each run as a line across the axes, the best drawn last and strong.

    names: one a run, best first; the last axis is what they are judged by. Lines and not plotly's
    own `parcoords`, which compiles shaders at run time: the site's CSP forbids that.
    """
    columns = [axis.heights() for axis in axes]
    traces = []
    for number in reversed(range(len(names))):
        best = number == 0
        said = "<br>".join(f"{axis.title}: {_plain(axis.values[number])}" for axis in axes)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": names[number],
                "x": list(range(len(axes))),
                "y": [round(heights[number], 4) for heights in columns],
                "line": {"width": 3 if best else 1.5},
                "marker": {"size": 7 if best else 4},
                "opacity": 1.0 if best else round(0.2 + 0.4 * columns[-1][number], 3),
                "meta": {"ink": "accent" if best else "ink-2"},
                "showlegend": False,
                "hovertemplate": f"<b>{names[number]}</b><br>{said}<extra></extra>",
            }
        )
    return {
        "data": traces,
        "layout": {
            "hovermode": "closest",
            "xaxis": {
                "tickmode": "array",
                "tickvals": list(range(len(axes))),
                "ticktext": [axis.title for axis in axes],
                "range": [-0.25, len(axes) - 0.6],
                "gridwidth": 2,
            },
            "yaxis": {"visible": False, "range": [-0.08, 1.12]},
            "annotations": [
                {
                    "x": place,
                    "y": height,
                    "text": text,
                    "showarrow": False,
                    # Beside its axis and above its point, where no flat line strikes it through.
                    "xanchor": "left",
                    "xshift": 4,
                    "yanchor": "bottom",
                    "yshift": 2,
                    "font": {"size": 11},
                }
                for place, axis in enumerate(axes)
                for height, text in axis.ticks()
            ],
        },
    }


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("_", " ")


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
