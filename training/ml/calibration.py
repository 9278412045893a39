"""One number that makes confidence honest: the temperature (Guo et al. 2017)."""

import numpy as np

LOWEST, HIGHEST = 0.2, 5.0


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The divisor of the logits under which the votes' loss is least, within 0.2 to 5.

    logits: (M, N, 10), a layer a member; the vote is the mean of the members' probabilities.
    labels: (N,) in 0..9, of images not trained on. Without any, 1.0.
    """
    if not len(labels):
        return 1.0
    logits = logits.astype(np.float64)
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled -= scaled.max(axis=-1, keepdims=True)
        odds = np.exp(scaled)
        vote = (odds / odds.sum(axis=-1, keepdims=True)).mean(axis=0)
        return float(-np.log(np.maximum(vote[rows, labels], 1e-12)).mean())

    # Golden section: the loss has one valley in the temperature.
    shrink = (np.sqrt(5) - 1) / 2
    low, high = np.log(LOWEST), np.log(HIGHEST)
    for _ in range(40):
        left, right = high - shrink * (high - low), low + shrink * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def at_temperature_one(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """(N, 10) as one network would have answered without its temperature.

    Not for the mean of several networks' votes: their logits cannot be had from it.
    """
    logits = temperature * np.log(np.maximum(probabilities.astype(np.float64), 1e-30))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
