"""Kinds of slices that only others know of: who drew an image, and on what device.

An app registers a function of (dataset, split) when it starts. It answers kind -> (N,) of str: the
slice that each image of the split is in, "" for none; or {} where it knows nothing.
"""

from collections.abc import Callable

import numpy as np

from training.models import Dataset

PERSONAL = frozenset({"Author"})
"""Kinds whose names are people's: for who may see everybody's drawings."""

Provider = Callable[[Dataset, str], dict[str, np.ndarray]]
_providers: dict[str, Provider] = {}


def register(name: str, provider: Provider) -> None:
    """name: whose it is; the same name again replaces it."""
    _providers[name] = provider


def provided(dataset: Dataset, split: str) -> dict[str, np.ndarray]:
    """Everything that anybody knows of this split."""
    found: dict[str, np.ndarray] = {}
    for provider in _providers.values():
        found |= provider(dataset, split)
    return found
