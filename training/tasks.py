"""What Celery runs: fetch, call the service, record the outcome."""

from celery import shared_task

from training import selectors, wakeups, worker
from training.services import analyses, dataset_uploads, evaluations
from training.services.claims import claim_next, worker_name
from training.services.trainer import train


@shared_task(name="training.tasks.wake_trainer")
def wake_trainer() -> str:
    """Train the next queued run, if one waits; which one is the queue's business."""
    with worker.drained_by_sigterm() as stop:
        if stop.drain.is_set():
            return "draining"
        claim = claim_next(worker_name())
        if claim is None:
            return "nothing waits"
        outcome = train(claim, stop)
    if not stop.drain.is_set() and selectors.next_run_id() is not None:
        wakeups.wake_trainer()
    return f"{claim} {outcome}"


@shared_task(name="training.tasks.evaluate")
def evaluate(evaluation_id: int) -> None:
    evaluations.evaluate(evaluation_id)


@shared_task(name="training.tasks.analyse")
def analyse(analysis_id: int) -> None:
    analyses.analyse(analysis_id)


@shared_task(name="training.tasks.import_upload")
def import_upload(upload_id: int) -> None:
    dataset_uploads.import_upload(upload_id)
