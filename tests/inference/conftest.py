import pytest

from inference.predictor import predictor


@pytest.fixture(autouse=True)
def _nothing_in_production_is_remembered():
    predictor.forget()
    yield
    predictor.forget()
