"""Learning rates, step by step."""

import numpy as np

from training.ml.hyperparameters import Hyperparameters


def learning_rates(hyperparameters: Hyperparameters, steps: int) -> np.ndarray:
    """(steps,) float32: the warm-up, then the schedule, over one stretch of training.

    A run that is continued starts a second stretch, with its own warm-up.
    """
    hp = hyperparameters
    warmup = round(hp.warmup * steps)
    climb = (np.arange(warmup) + 1) / (warmup + 1)
    left = steps - warmup
    done = np.arange(left) / max(left, 1)
    if hp.schedule == "constant":
        fall = np.ones(left)
    elif hp.schedule == "linear":
        fall = 1 - done * (1 - hp.final_learning_rate)
    else:
        cosine = 0.5 + 0.5 * np.cos(np.pi * done)
        fall = hp.final_learning_rate + (1 - hp.final_learning_rate) * cosine
    return (hp.learning_rate * np.concatenate([climb, fall])).astype(np.float32)
