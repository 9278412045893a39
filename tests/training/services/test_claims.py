"""Who gets a run, and who may still write to it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.factories import make_dataset, make_run, make_running_run, make_user
from training.models import TrainingRun
from training.services import claims, outcomes
from training.services.claims import ClaimLost, claim_next, claim_run

pytestmark = pytest.mark.django_db


def _in_threads(count: int, work) -> list:
    """Results of `work(number)` from threads that all start at the same moment."""
    barrier = threading.Barrier(count)

    def run(number: int):
        barrier.wait(timeout=30)
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
def test_of_eight_claims_at_once_one_wins():
    run = make_run()

    won = [claim for claim in _in_threads(8, lambda n: claim_run(run.pk, f"w{n}")) if claim]

    run.refresh_from_db()
    assert len(won) == 1
    assert (run.status, run.fence, run.attempt) == ("running", 1, 1)
    assert won[0] == claims.Claim(run.pk, 1)


@pytest.mark.django_db(transaction=True)
def test_four_workers_share_four_runs_without_a_clash():
    dataset = make_dataset()
    expected = {make_run(dataset=dataset).pk for _ in range(4)}

    won = _in_threads(4, lambda n: claim_next(f"w{n}"))

    assert {claim.run_id for claim in won} == expected
    assert claim_next("late") is None


def test_a_claim_starts_lease_deadline_and_attempt(settings):
    settings.RUN_LEASE_SECONDS, settings.RUN_DEADLINE_SECONDS = 60, 3600
    run, _ = make_running_run()

    assert (run.lease_until - run.claimed_at).total_seconds() == 60
    assert (run.deadline_at - run.claimed_at).total_seconds() == 3600
    assert run.worker == "test:1"


def test_a_cancelled_run_is_not_claimed():
    run = make_run(status=TrainingRun.Status.CANCELLED)

    assert claim_run(run.pk, "w") is None
    assert claim_next("w") is None


def test_a_queued_run_with_the_cancel_flag_is_not_claimed():
    run = make_run(cancel_requested=True)

    assert claim_run(run.pk, "w") is None
    assert claim_next("w") is None


def test_a_lower_fence_can_no_longer_write():
    run, old = make_running_run()
    TrainingRun.objects.filter(pk=run.pk).update(status=TrainingRun.Status.QUEUED)
    new = claim_run(run.pk, "w2")

    for late_write in (
        lambda: claims.write(old, worker="zombie"),
        lambda: outcomes.started(old, {"host": "zombie"}),
        lambda: outcomes.succeeded(old, weights_digest="z", artifacts={}, export_proof={}),
        lambda: outcomes.failed(old, "zombie", "zombie"),
        lambda: outcomes.cancelled(old),
        lambda: outcomes.handed_back(old),
    ):
        with pytest.raises(ClaimLost):
            late_write()

    run.refresh_from_db()
    assert (run.status, run.fence, run.worker, run.error) == ("running", 2, "w2", "")
    assert new.rows.exists()
    assert not old.rows.exists()
    assert not run.evaluations.exists()


def test_what_a_lost_claim_wrote_beside_the_row_is_undone():
    run, claim = make_running_run()
    TrainingRun.objects.filter(pk=run.pk).update(fence=5)

    with pytest.raises(ClaimLost), claims.fenced(claim, epochs_done=1):
        make_user(username="must-not-exist")

    assert not TrainingRun.objects.filter(epochs_done=1).exists()
