"""Named recipes: sets of hyperparameters with figures to expect.

`benchmarks/training.py` measures all of them. They were chosen on a validation split.
"""

from dataclasses import dataclass

from training.ml.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class Recipe:
    """A name for a set of hyperparameters, and a sentence to choose it by."""

    name: str
    title: str
    summary: str
    hyperparameters: Hyperparameters


_CLASSIC = Hyperparameters(
    architecture="classic",
    filters=32,
    depth=2,
    dense_units=128,
    batch_norm=False,
    conv_dropout=0.25,
    dropout=0.5,
    precision="float32",
    epochs=15,
    batch_size=64,
    optimizer="adam",
    learning_rate=1e-3,
    schedule="constant",
    warmup=0.0,
    final_learning_rate=1.0,
    validation_share=0.1,
)

_FAST = Hyperparameters(
    architecture="strided",
    filters=16,
    depth=3,
    dense_units=64,
    epochs=2,
    batch_size=192,
    optimizer="muon",
    learning_rate=0.02,
    label_smoothing=0.05,
    shift=1.0,
    drawn_forms=0.03,
    validation_share=0.03,
)

_BALANCED = _FAST.model_copy(update={"filters": 24, "dense_units": 128, "epochs": 4, "shift": 2.0})

_BEST = Hyperparameters(
    architecture="deep",
    filters=16,
    depth=6,
    dense_units=0,
    dropout=0.3,
    epochs=16,
    batch_size=128,
    optimizer="muon",
    learning_rate=0.01,
    label_smoothing=0.05,
    ema=0.999,
    rotation=10.0,
    scaling=0.1,
    shear=0.12,
    shift=2.0,
    drawn_forms=0.05,
    validation_share=0.03,
)

_ALL = [
    Recipe(
        "baseline",
        "Baseline",
        "The classic tutorial network, for comparison.",
        _CLASSIC,
    ),
    Recipe(
        "improved",
        "Improved",
        "The classic with batch normalisation, more filters and a lower learning rate.",
        _CLASSIC.model_copy(
            update={
                "depth": 3,
                "batch_norm": True,
                "conv_dropout": 0.3,
                "dropout": 0.3,
                "learning_rate": 5e-4,
                "epochs": 20,
            }
        ),
    ),
    Recipe("fast", "Fast", "Seconds. What a new installation trains by itself.", _FAST),
    Recipe("balanced", "Balanced", "Half a minute, clearly better than fast.", _BALANCED),
    Recipe("best", "Best", "One deeper network, minutes, the most exact.", _BEST),
    Recipe(
        "ensemble",
        "Ensemble",
        "Three of the best networks that vote, as one model.",
        _BEST.model_copy(update={"members": 3}),
    ),
]

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _ALL}
DEFAULT_RECIPE = "fast"
