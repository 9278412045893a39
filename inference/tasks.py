"""What Celery runs for this app: fetch, call the service, record the outcome."""

from celery import shared_task

from inference.services import snapshots


@shared_task(name="inference.tasks.make_snapshot")
def make_snapshot(snapshot_id: int) -> None:
    snapshots.make_snapshot(snapshot_id)
