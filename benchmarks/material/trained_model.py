"""Train a recipe for a benchmark that has been given no model. Loads TensorFlow."""

from __future__ import annotations

from pathlib import Path

from training.ml.digits import Digits
from training.ml.recipes import RECIPES


class _Silent:
    def on_batch(self, progress) -> None: ...

    def on_epoch(self, result, checkpoint: Path) -> None: ...

    def should_stop(self) -> bool:
        return False


def train(recipe: str, digits: Digits, folder: Path, seed: int = 0) -> Path:
    """The ONNX file of `recipe`, trained with `seed`, in `folder`."""
    from training.ml.export import export
    from training.ml.fit import fit

    hyperparameters = RECIPES[recipe].hyperparameters.model_copy(update={"seed": seed})
    result = fit(hyperparameters, digits, checkpoint_dir=folder / recipe, monitor=_Silent())
    return export(result.model, digits, folder / f"{recipe}-{seed}").files["onnx"].path
