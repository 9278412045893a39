"""When runs will start and be done, told from runs like them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import TINY, make_dataset, make_run, make_running_run, record_epochs
from training import pace, selectors
from training.models import Dataset, EpochMetric, TrainingRun
from training.pace import Pace, Paces

pytestmark = pytest.mark.django_db

OTHER_SIZE = TINY.model_copy(update={"filters": 8})


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset()


def finish(
    dataset: Dataset, seconds: Pace, *, waited: float = 0.0, fence: int = 1, **fields
) -> TrainingRun:
    """A run of three epochs that went at this pace and ended just now."""
    run, claim = make_running_run(dataset=dataset, **fields)
    record_epochs(claim, run.epochs)
    now = timezone.now()
    claimed = now - timedelta(seconds=seconds.run(run.epochs))
    for metric in run.epoch_metrics.all():
        ended = seconds.startup + (metric.epoch + 1) * seconds.epoch
        EpochMetric.objects.filter(pk=metric.pk).update(
            recorded_at=claimed + timedelta(seconds=ended), seconds=seconds.epoch, fence=fence
        )
    TrainingRun.objects.filter(pk=run.pk).update(
        status="succeeded",
        fence=fence,
        queued_at=claimed - timedelta(seconds=waited),
        claimed_at=claimed,
        finished_at=now,
    )
    return run


def near(seconds: Pace) -> Pace:
    return Pace(*(pytest.approx(part, abs=0.01) for part in vars(seconds).values()))


def test_before_anything_was_timed_there_are_guesses(dataset):
    assert Paces().of(make_run(dataset=dataset), prompt=True) == Pace()


def test_the_median_of_runs_alike_counts(dataset):
    for epoch in (1.0, 2.0, 30.0):
        finish(dataset, Pace(4, epoch, 3))
    run = make_run(dataset=dataset, hyperparameters=TINY.model_copy(update={"seed": 9}))

    assert Paces().of(run, prompt=True) == near(Pace(4, 2, 3))


def test_what_makes_an_epoch_longer_makes_runs_unlike(dataset):
    finish(dataset, Pace(4, 2, 3))
    finish(dataset, Pace(5, 20, 6), hyperparameters=OTHER_SIZE)
    run = make_run(dataset=dataset, hyperparameters=OTHER_SIZE)

    assert Paces().of(run, prompt=True) == near(Pace(5, 20, 6))


def test_of_a_recipe_never_run_only_the_epoch_is_guessed(dataset):
    finish(dataset, Pace(4, 2, 3))
    run = make_run(dataset=dataset, recipe="best", hyperparameters=OTHER_SIZE)

    assert Paces().of(run, prompt=True) == near(Pace(4, pace.EPOCH_SECONDS, 3))


def test_another_dataset_tells_nothing(dataset):
    finish(make_dataset(seed=5), Pace(4, 2, 3))
    assert Paces().of(make_run(dataset=dataset), prompt=True) == Pace()


def test_a_worker_that_was_busy_starts_slower_than_an_idle_one(dataset):
    finish(dataset, Pace(1, 2, 3))
    finish(dataset, Pace(7, 2, 4), waited=60)
    run = make_run(dataset=dataset)

    assert Paces().of(run, prompt=True) == near(Pace(1, 2, 3))
    assert Paces().of(run, prompt=False) == near(Pace(7, 2, 4))


def test_resumed_continued_and_old_runs_are_not_learned_from(dataset):
    finish(dataset, Pace(1, 2, 3), fence=2)
    continued = finish(dataset, Pace(1, 2, 3))
    continued.epoch_metrics.filter(epoch=0).update(fence=0)
    old = finish(dataset, Pace(1, 2, 3))
    old.epoch_metrics.update(recorded_at=None)

    assert Paces().of(make_run(dataset=dataset), prompt=True) == Pace()


def test_one_look_at_the_history_serves_the_whole_queue(dataset, django_assert_max_num_queries):
    for _ in range(3):
        finish(dataset, Pace(4, 2, 3))
    queued = [make_run(dataset=dataset) for _ in range(5)]
    paces = Paces()
    with django_assert_max_num_queries(2):
        for run in queued:
            paces.of(run, prompt=False)


# --- a running run --------------------------------------------------------------------------


def running(dataset: Dataset, *, claimed_ago: float, epochs: int = 0, **progress) -> TrainingRun:
    run, claim = make_running_run(dataset=dataset)
    record_epochs(claim, epochs)
    run.refresh_from_db()
    run.claimed_at = timezone.now() - timedelta(seconds=claimed_ago)
    run.progress = progress
    return run


def test_loading_tensorflow_counts_down(dataset):
    finish(dataset, Pace(8, 2, 3), waited=60)
    run = running(dataset, claimed_ago=5)

    assert selectors.eta_seconds(run) == pytest.approx(3 + 3 * 2 + 3, abs=0.5)


def test_a_run_goes_by_its_own_speed_once_it_has_one(dataset):
    finish(dataset, Pace(8, 2, 3), waited=60)
    run = running(
        dataset, claimed_ago=9, epoch=0, batch=3, batches=6, seconds_per_epoch=4.0, epochs=0
    )

    assert selectors.eta_seconds(run) == pytest.approx(2.5 * 4 + 3, abs=0.1)


def test_whole_epochs_count_from_end_to_end(dataset):
    finish(dataset, Pace(8, 2, 3), waited=60)
    run = running(dataset, claimed_ago=30, epochs=2)
    now = timezone.now()
    for metric, ago in zip(run.epoch_metrics.all(), (11, 1), strict=True):
        run.epoch_metrics.filter(pk=metric.pk).update(recorded_at=now - timedelta(seconds=ago))
    run.progress = {"epoch": 2, "batch": 1, "batches": 10, "seconds_per_epoch": 3.0}

    assert selectors.eta_seconds(run) == pytest.approx(0.9 * 10 + 3, abs=0.1)


def test_exporting_counts_down_and_never_says_zero(dataset):
    finish(dataset, Pace(8, 2, 3), waited=60)
    run = running(dataset, claimed_ago=30, epochs=3, stage="exporting")

    assert selectors.eta_seconds(run) == pytest.approx(3, abs=0.5)
    run.epoch_metrics.update(recorded_at=timezone.now() - timedelta(seconds=60))
    assert selectors.eta_seconds(run) == selectors.SOON_SECONDS


# --- a queue --------------------------------------------------------------------------------


@pytest.fixture
def alive(monkeypatch):
    """Sets how many workers report."""
    return lambda count: monkeypatch.setattr(selectors, "live_train_workers", lambda: count)


def test_five_runs_for_one_idle_worker_follow_each_other(dataset, alive):
    finish(dataset, Pace(1, 2, 3))
    finish(dataset, Pace(5, 2, 3), waited=60)
    queued = [make_run(dataset=dataset) for _ in range(5)]
    alive(1)

    first, later, turn = 1 + 3 * 2 + 3, 5 + 3 * 2 + 3, selectors.TURN_SECONDS
    starts = [0, *(first + turn + number * (later + turn) for number in range(4))]
    assert [selectors.start_estimate_seconds(run) for run in queued] == pytest.approx(
        starts, abs=0.1
    )
    assert selectors.eta_seconds(queued[4]) == pytest.approx(starts[4] + later, abs=0.1)


def test_a_busy_worker_is_waited_for_and_an_idle_one_is_not(dataset, alive):
    finish(dataset, Pace(5, 2, 3), waited=60)
    busy, _ = make_running_run(dataset=dataset)
    first, second = make_run(dataset=dataset), make_run(dataset=dataset)

    alive(1)
    left = selectors.eta_seconds(busy)
    start = selectors.start_estimate_seconds(first)
    assert start == pytest.approx(left + selectors.TURN_SECONDS, abs=0.1)
    alive(2)
    assert selectors.start_estimate_seconds(first) == 0
    assert selectors.start_estimate_seconds(second) == pytest.approx(start, abs=0.1)


def test_a_resumed_run_only_counts_what_is_left(dataset, alive):
    finish(dataset, Pace(5, 2, 3))
    resumed = make_run(dataset=dataset, epochs_done=2)
    alive(1)

    assert selectors.eta_seconds(resumed) == pytest.approx(5 + 1 * 2 + 3, abs=0.1)
