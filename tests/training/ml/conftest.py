"""TensorFlow takes thread counts before its first operation only: pinned before any test runs one.

Otherwise the bytes of weights would depend on which test came first.
"""

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("tensorflow"):
        from training.ml.fit import pin_threads

        pin_threads(None)
