"""The order of the queue, and what people are told about it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import make_dataset, make_run, make_running_run, make_user
from training import selectors
from training.models import TrainingRun
from training.services.claims import claim_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset():
    return make_dataset()


def drain() -> list[int]:
    """Claim until the queue is empty, finishing each at once; the ids in that order."""
    order = []
    while claim := claim_next("w"):
        TrainingRun.objects.filter(pk=claim.run_id).update(status="succeeded")
        order.append(claim.run_id)
    return order


def test_people_take_turns(dataset):
    ada, bob = make_user(), make_user()
    a1, a2, a3 = (make_run(ada, dataset) for _ in range(3))
    b1, b2 = (make_run(bob, dataset) for _ in range(2))

    assert selectors.queue_order() == [a1.pk, b1.pk, a2.pk, b2.pk, a3.pk]
    assert drain() == [a1.pk, b1.pk, a2.pk, b2.pk, a3.pk]


def test_who_was_served_last_waits_longest(dataset):
    ada, bob = make_user(), make_user()
    make_run(ada, dataset)
    assert claim_next("w")
    a2, b1 = make_run(ada, dataset), make_run(bob, dataset)

    assert selectors.queue_order() == [b1.pk, a2.pk]


def test_priority_goes_before_turns(dataset):
    ada, bob = make_user(), make_user()
    b1 = make_run(bob, dataset)
    a1, a2 = make_run(ada, dataset, priority=1), make_run(ada, dataset, priority=1)

    assert selectors.queue_order() == [a1.pk, a2.pk, b1.pk]
    assert drain() == [a1.pk, a2.pk, b1.pk]


def test_position_counts_from_one_and_only_for_those_who_wait(dataset):
    first, second = make_run(dataset=dataset), make_run(dataset=dataset)
    running, _ = make_running_run(dataset=dataset, priority=9)

    assert [selectors.queue_position(run) for run in (first, second, running)] == [1, 2, None]


def test_eta_of_a_run_that_is_over_is_none(dataset):
    run = make_run(dataset=dataset, status="cancelled")
    assert selectors.eta_seconds(run) is None


@pytest.mark.parametrize("workers", [0, None])
def test_without_a_worker_there_is_no_start_estimate(dataset, monkeypatch, workers):
    monkeypatch.setattr(selectors, "live_train_workers", lambda: workers)

    assert selectors.start_estimate_seconds(make_run(dataset=dataset)) is None


def test_waited_seconds(dataset):
    run = make_run(dataset=dataset, queued_at=timezone.now() - timedelta(seconds=90))

    assert selectors.waited_seconds(run) == pytest.approx(90, abs=10)
