"""Loads TensorFlow, in a trainer's process only; ahead of time where the process is idle."""

import os
import threading

_ahead: threading.Thread | None = None


def load_ahead() -> None:
    """Begin to load in a thread, so that a run which comes later starts seconds earlier."""
    global _ahead
    _ahead = threading.Thread(target=_load, name="loading", daemon=True)
    _ahead.start()


def load() -> None:
    """Have TensorFlow loaded. Two threads that import it at once might each see half of it."""
    if _ahead is not None:
        _ahead.join()
    _load()


def _load() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # it greets everybody, at length
    from training.ml import trainer  # noqa: F401
