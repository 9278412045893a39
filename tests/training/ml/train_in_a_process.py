"""A training run in its own process: CHECKPOINT_DIR, hyperparameters as JSON.

Prints `epoch N` after each durable epoch, then `weights SHA256`, flushed.
"""

import json
import sys
from pathlib import Path

from tests.training.ml.synthetic import synthetic_digits
from training.ml.fit import BatchProgress, EpochResult, fit
from training.ml.hyperparameters import Hyperparameters


def say(what: str, value: object) -> None:
    sys.stdout.write(f"{what} {value}\n")
    sys.stdout.flush()


class Printing:
    def on_batch(self, progress: BatchProgress) -> None:
        say("batch", progress.batch)

    def on_epoch(self, result: EpochResult, checkpoint: Path) -> None:
        say("epoch", result.epoch)

    def should_stop(self) -> bool:
        return False


if __name__ == "__main__":
    result = fit(
        Hyperparameters(**json.loads(sys.argv[2])),
        synthetic_digits(),
        checkpoint_dir=Path(sys.argv[1]),
        monitor=Printing(),
    )
    say("weights", result.weights_sha256)
