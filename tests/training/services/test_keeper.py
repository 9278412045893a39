"""What happens to runs that nobody looks after."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import make_dataset, make_run, make_running_run, make_succeeded_run
from training import wakeups
from training.models import Analysis, Evaluation, TrainingRun
from training.services import failure_sentences, keeper
from training.services.analyses import request_analysis
from training.services.claims import ClaimLost, claim_run, write

pytestmark = pytest.mark.django_db


class Queue:
    """Stands for Redis: what was sent, and what waits in the queue."""

    def __init__(self) -> None:
        self.trainers = 0
        self.evaluations: list[int] = []
        self.analyses: list[int] = []
        self.waiting: int | None = 0
        self.takes = True

    def wake_trainer(self) -> bool:
        self.trainers += self.takes
        return self.takes

    def wake_evaluator(self, pk: int) -> bool:
        self.evaluations.append(pk)
        return self.takes

    def wake_analyst(self, pk: int) -> bool:
        self.analyses.append(pk)
        return self.takes


@pytest.fixture(autouse=True)
def _connection_stays_open(monkeypatch) -> None:
    """The tests' transaction lives in it."""
    monkeypatch.setattr(keeper.connection, "close", lambda: None)


@pytest.fixture(autouse=True)
def queue(monkeypatch) -> Queue:
    fake = Queue()
    monkeypatch.setattr(wakeups, "wake_trainer", fake.wake_trainer)
    monkeypatch.setattr(wakeups, "wake_evaluator", fake.wake_evaluator)
    monkeypatch.setattr(wakeups, "wake_analyst", fake.wake_analyst)
    monkeypatch.setattr(wakeups, "waiting", lambda _: fake.waiting)
    return fake


def let_lapse(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_lapsed_lease_is_requeued_once():
    run, claim = make_running_run()
    let_lapse(run)
    keeper.tick()
    keeper.tick()

    run.refresh_from_db()
    assert (run.status, run.attempt, run.fence) == ("queued", 1, 1)
    assert run.events.filter(message__contains="fell silent").count() == 1
    with pytest.raises(ClaimLost):
        write(claim, worker="late")


def test_two_keepers_that_saw_the_same_run_move_it_once():
    run, _ = make_running_run()
    let_lapse(run)
    now = timezone.now()
    seen_twice = TrainingRun.objects.get(pk=run.pk), TrainingRun.objects.get(pk=run.pk)
    for seen in seen_twice:
        keeper._end_lapsed(seen, now)

    assert run.events.filter(message__contains="fell silent").count() == 1


def test_a_keeper_that_read_too_early_does_not_touch_the_next_claim():
    run, _ = make_running_run()
    let_lapse(run)
    stale = TrainingRun.objects.get(pk=run.pk)
    keeper.tick()
    assert claim_run(run.pk, "w2")
    keeper._end_lapsed(stale, timezone.now())

    run.refresh_from_db()
    assert (run.status, run.fence) == ("running", 2)


def test_a_live_lease_is_left_alone():
    run, _ = make_running_run()
    keeper.tick()

    run.refresh_from_db()
    assert run.status == "running"


def test_the_last_attempt_fails_with_a_sentence(settings):
    settings.RUN_MAX_ATTEMPTS = 3
    run = make_run(attempt=2)
    assert claim_run(run.pk, "w")
    let_lapse(run)
    keeper.tick()

    run.refresh_from_db()
    assert run.status == "failed"
    assert run.error == "The training worker died 3 times during this run, so it was given up."


def test_a_run_whose_worker_was_killed_for_memory_says_so(settings, queue):
    settings.RUN_MAX_ATTEMPTS = 1
    run, _ = make_running_run(worker="here:7")
    keeper.release("here:7", out_of_memory=True)

    run.refresh_from_db()
    assert run.status == "failed"
    assert run.error.startswith("The machine ran out of memory once")
    assert run.events.filter(message=failure_sentences.OUT_OF_MEMORY).exists()


def test_what_a_dead_child_held_waits_for_no_lease(queue):
    dataset = make_dataset()
    (dead, _), (alive, _) = (
        make_running_run(worker=worker, dataset=dataset) for worker in ("here:7", "here:8")
    )
    keeper.release("here:7", out_of_memory=False)

    dead.refresh_from_db()
    alive.refresh_from_db()
    assert (dead.status, alive.status) == ("queued", "running")
    assert queue.trainers == 1


def test_a_child_that_ended_in_peace_releases_nothing(queue):
    run = make_succeeded_run(worker="here:7")
    keeper.release("here:7", out_of_memory=False)

    run.refresh_from_db()
    assert run.status == "succeeded"
    assert queue.trainers == 0


def test_a_lapsed_run_whose_cancel_was_asked_for_is_cancelled():
    run, _ = make_running_run()
    TrainingRun.objects.filter(pk=run.pk).update(cancel_requested=True)
    let_lapse(run)
    keeper.tick()

    run.refresh_from_db()
    assert run.status == "cancelled"


def test_a_queued_run_with_a_leftover_cancel_flag_is_cancelled():
    run = make_run(cancel_requested=True)
    keeper.tick()

    run.refresh_from_db()
    assert run.status == "cancelled"


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_run_past_its_deadline_fails(status):
    run = make_run(status=status, deadline_at=timezone.now() - timedelta(seconds=1))
    keeper.tick()

    run.refresh_from_db()
    assert run.status == "failed"
    assert "deadline" in run.error


def test_a_queued_run_without_a_wake_up_gets_one_and_then_rest(queue):
    run = make_run()
    keeper.tick()
    keeper.tick()

    run.refresh_from_db()
    assert queue.trainers == 1
    assert run.woken_at is not None


def test_an_old_wake_up_is_repeated(queue):
    make_run(woken_at=timezone.now() - timedelta(minutes=5))
    keeper.tick()

    assert queue.trainers == 1


def test_messages_do_not_pile_up_while_all_workers_are_busy(queue):
    dataset = make_dataset()
    for _ in range(3):
        make_run(dataset=dataset)
    queue.waiting = 2
    keeper.tick()

    assert queue.trainers == 1


def test_without_redis_the_row_stays_due(queue):
    run = make_run()
    queue.waiting = None
    keeper.tick()
    queue.waiting, queue.takes = 0, False
    keeper.tick()

    run.refresh_from_db()
    assert run.woken_at is None
    queue.takes = True
    keeper.tick()
    assert queue.trainers == 1


def test_a_forgotten_evaluation_is_asked_for_again(queue):
    run = make_succeeded_run()
    evaluation = run.evaluations.get()
    keeper.tick()
    assert queue.evaluations == []
    Evaluation.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    keeper.tick()

    assert queue.evaluations == [evaluation.pk]


def test_a_forgotten_analysis_is_asked_for_again(queue):
    analysis = request_analysis(make_succeeded_run(evaluated=True).evaluations.get(), by=None)
    keeper.tick()
    assert queue.analyses == []
    Analysis.objects.update(asked_at=timezone.now() - timedelta(minutes=5))
    keeper.tick()

    assert queue.analyses == [analysis.pk]
