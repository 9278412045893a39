"""The order of the queue, and what people are told about it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import make_dataset, make_run, make_running_run, make_user, record_epochs
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


def test_eta_follows_the_epochs_timed_so_far(dataset):
    run, claim = make_running_run(dataset=dataset)  # 3 epochs
    record_epochs(claim, 1)  # 2 s each
    run.refresh_from_db()
    run.progress = {"stage": "training", "epoch": 1, "batch": 3, "batches": 6}

    assert selectors.eta_seconds(run) == pytest.approx(1.5 * 2.0 + selectors.FINISH_SECONDS)


def test_eta_of_a_run_that_does_not_run_is_none(dataset):
    assert selectors.eta_seconds(make_run(dataset=dataset)) is None


def test_start_estimate_adds_up_what_is_ahead(dataset, monkeypatch):
    monkeypatch.setattr(selectors, "live_train_workers", lambda: 1)
    running, claim = make_running_run(dataset=dataset)
    record_epochs(claim, 2)
    running.refresh_from_db()
    first, second = make_run(dataset=dataset), make_run(dataset=dataset)
    one_run = selectors.STARTUP_SECONDS + 3 * 2.0 + selectors.FINISH_SECONDS

    start = selectors.start_estimate_seconds(first)
    assert start == pytest.approx(selectors.eta_seconds(running))
    assert selectors.start_estimate_seconds(second) == pytest.approx(start + one_run)


@pytest.mark.parametrize("workers", [0, None])
def test_without_a_worker_there_is_no_start_estimate(dataset, monkeypatch, workers):
    monkeypatch.setattr(selectors, "live_train_workers", lambda: workers)

    assert selectors.start_estimate_seconds(make_run(dataset=dataset)) is None


def test_waited_seconds(dataset):
    run = make_run(dataset=dataset, queued_at=timezone.now() - timedelta(seconds=90))

    assert selectors.waited_seconds(run) == pytest.approx(90, abs=10)
