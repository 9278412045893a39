"""Starting a run from the weights of another one: fine-tuning."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.ml.checkpoint import Checkpoint
from training.ml.hyperparameters import Hyperparameters

NETWORK = ("architecture", "filters", "depth", "dense_units", "batch_norm", "members")
"""The hyperparameters that decide which weights a network has."""

EPOCHS_SHARE = 0.5
LEARNING_RATE_SHARE = 0.3
LEAST_VALIDATION_SHARE = 0.03


class IncompatibleWeights(ValueError):
    """The weights belong to another network, or are not the ones of the model."""


@dataclass(frozen=True)
class InitialWeights:
    """The weights of a finished run's model.

    sha256: `FitResult.weights_sha256` of that run: the weights that are found must have it. fetch
    gives that run's last checkpoint; it is called only if the new run has none of its own.
    """

    sha256: str
    fetch: Callable[[], Checkpoint]


def fine_tuning(source: Hyperparameters) -> Hyperparameters:
    """What to train a model further with: its own network and data, half the epochs, small steps,
    and of all epochs the one with the lowest validation loss."""
    epochs = max(1, round(source.epochs * EPOCHS_SHARE))
    return source.model_copy(
        update={
            "epochs": epochs,
            "learning_rate": source.learning_rate * LEARNING_RATE_SHARE,
            "validation_share": max(source.validation_share, LEAST_VALIDATION_SHARE),
            "early_stopping_patience": epochs,
        }
    )


def other_network(source: dict[str, Any], wanted: Hyperparameters) -> str:
    """Which field makes `wanted` another network than `source`'s, in words; "" if none does."""
    for field in NETWORK:
        had, asked = source.get(field), getattr(wanted, field)
        if had != asked:
            title = Hyperparameters.model_fields[field].title
            return f"{title}: the model has {_shown(had)}, this run asks for {_shown(asked)}"
    return ""


def _shown(value: Any) -> str:
    return {True: "it on", False: "it off"}[value] if isinstance(value, bool) else str(value)


def final_weights(checkpoint: Checkpoint, count: int) -> list[np.ndarray]:
    """The `count` weights that the run's model was exported with: of the best epoch, averaged, or
    as they were last. See `Trainer.state` for the order of a checkpoint's arrays.

    Raises IncompatibleWeights if the checkpoint has not got them.
    """
    made_with = checkpoint.meta["hyperparameters"]
    arrays = checkpoint.arrays
    if made_with["early_stopping_patience"]:
        found = arrays[-count:]
    elif made_with["ema"]:
        first = count
        while first < len(arrays) and arrays[first].dtype.kind != "f":
            first += 1  # states of random generators, which sit between weights and averages
        found = arrays[first : first + count]
    else:
        found = arrays[:count]
    if len(found) != count:
        raise IncompatibleWeights(f"expected {count} arrays of weights, got {len(found)}")
    return found
