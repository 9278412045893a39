"""The predictor: right answers, and promotions followed without a failing request."""

import threading
import time

import numpy as np
import pytest
from django.core.files.storage import default_storage

from inference import predictor as predictor_module
from inference.models import ModelVersion, Promotion
from inference.predictor import ModelUnavailable, NoProductionModel, Predictor
from inference.services.promotion import promote
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_version
from tests.training.ml.synthetic import synthetic_digits

DIGITS = synthetic_digits(seed=3, train=1, test=600)


def versions(count: int):
    owner, dataset = make_user(), make_dataset()
    return [make_version(owner=owner, dataset=dataset, evaluated=True) for _ in range(count)]


@pytest.mark.django_db
def test_images_are_read_by_the_production_model():
    (version,) = versions(1)
    promote(version, by=None, reason="first")
    prediction = Predictor().predict_images(DIGITS.test_images)
    assert prediction.model_version == version
    assert prediction.probabilities.shape == (600, 10)
    assert np.allclose(prediction.probabilities.sum(axis=1), 1, atol=1e-5)
    assert (prediction.labels == DIGITS.test_labels).all()
    assert prediction.milliseconds > 0


@pytest.mark.django_db
def test_a_batch_answers_as_one_image_at_a_time_does():
    promote(versions(1)[0], by=None, reason="first")
    served = Predictor()
    together = served.predict_images(DIGITS.test_images[:300]).probabilities
    alone = [
        served.predict_images(image[None]).probabilities[0] for image in DIGITS.test_images[:9]
    ]
    assert np.allclose(together[:9], alone, atol=1e-6)


@pytest.mark.django_db
def test_no_images_give_no_answers():
    promote(versions(1)[0], by=None, reason="first")
    empty = Predictor().predict_images(np.empty((0, 28, 28), np.uint8))
    assert empty.probabilities.shape == (0, 10)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "images",
    [np.zeros((28, 28), np.uint8), np.zeros((1, 28, 27), np.uint8), np.zeros((1, 28, 28))],
)
def test_another_shape_or_type_is_refused(images):
    promote(versions(1)[0], by=None, reason="first")
    with pytest.raises(ValueError, match="expected images"):
        Predictor().predict_images(images)


@pytest.mark.django_db
def test_without_a_promotion_the_error_says_what_to_do():
    versions(1)
    served = Predictor()
    with pytest.raises(NoProductionModel, match="promote it under Models"):
        served.predict_images(DIGITS.test_images[:1])
    assert served.production() is None


@pytest.mark.django_db
def test_a_promotion_is_followed_and_so_is_the_way_back():
    first, second = versions(2)
    served = Predictor()
    for version in (first, second, first):
        promote(version, by=None, reason="because")
        served.refresh()
        assert served.production() == version


@pytest.mark.django_db
def test_the_newest_promotion_is_asked_for_at_most_once_a_second(django_assert_num_queries):
    promote(versions(1)[0], by=None, reason="first")
    served = Predictor()
    served.predict_images(DIGITS.test_images[:1])
    with django_assert_num_queries(0):
        for image in DIGITS.test_images[:20]:
            served.predict_images(image[None])


@pytest.mark.django_db
def test_a_changed_file_is_not_served_and_the_former_model_goes_on():
    first, second = versions(2)
    promote(first, by=None, reason="first")
    served = Predictor()
    served.refresh()
    promote(second, by=None, reason="second")
    ModelVersion.objects.filter(pk=second.pk).update(sha256="f" * 64)
    served.refresh()
    assert served.predict_images(DIGITS.test_images[:1]).model_version == first


@pytest.mark.django_db
@pytest.mark.parametrize("content", [None, b"not onnx"])
def test_a_first_model_that_cannot_be_loaded_is_named(content):
    (version,) = versions(1)
    promote(version, by=None, reason="first")
    default_storage.delete(version.run.artifacts["onnx"]["name"])
    if content:
        with default_storage.open(version.run.artifacts["onnx"]["name"], "wb") as file:
            file.write(content)
    with pytest.raises(NoProductionModel, match=f"Model {version} is promoted, but its file"):
        Predictor().predict_images(DIGITS.test_images[:1])


@pytest.mark.django_db
def test_a_version_that_is_not_in_production_can_be_asked():
    first, second = versions(2)
    promote(first, by=None, reason="first")
    prediction = Predictor().predict_images_with(second, DIGITS.test_images[:1])
    assert prediction.model_version == second
    default_storage.delete(first.run.artifacts["onnx"]["name"])
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        Predictor().predict_images_with(first, DIGITS.test_images[:1])


@pytest.mark.django_db
def test_sessions_of_the_last_few_contents_are_kept(monkeypatch):
    loaded = []

    def load(version):
        loaded.append(version.sha256)
        return object()

    monkeypatch.setattr(predictor_module, "_load", load)
    (version,) = versions(1)
    served = Predictor()
    for sha256 in ["a", "b", "c", "a", "d", "b", "a"]:
        version.sha256 = sha256
        served._session(version)
    assert loaded == ["a", "b", "c", "d", "b"]


@pytest.mark.django_db(transaction=True)
def test_a_running_process_follows_within_two_seconds_and_no_request_fails():
    first, second = versions(2)
    promote(first, by=None, reason="first")
    served = Predictor()
    served.start_following()
    try:
        wait_for(lambda: served._production is not None)
        stop, errors, seen = threading.Event(), [], set()

        def ask():
            while not stop.is_set():
                try:
                    seen.add(served.predict_images(DIGITS.test_images[:1]).model_version.number)
                except Exception as error:
                    errors.append(error)

        people = [threading.Thread(target=ask) for _ in range(3)]
        for person in people:
            person.start()
        wait_for(lambda: seen == {first.number})
        Promotion.objects.create(model=second, reason="from another process")
        wait_for(lambda: second.number in seen)
        stop.set()
        for person in people:
            person.join()
    finally:
        served.stop_following()
    assert not errors


def wait_for(condition, seconds: float = 10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_the_first_requests_of_a_process_all_wait_for_the_model():
    """A request must not be told that nothing is promoted only because another one is loading."""
    promote(versions(1)[0], by=None, reason="first")
    served, errors, start = Predictor(), [], threading.Barrier(8)

    def ask():
        from django.db import connection

        try:
            start.wait()
            served.predict_images(DIGITS.test_images[:1])
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    people = [threading.Thread(target=ask) for _ in range(8)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert not errors
