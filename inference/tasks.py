"""What Celery runs for this app: fetch, call the service, record the outcome."""

from celery import shared_task

from inference.models import ModelVersion
from inference.services import readings, snapshots


@shared_task(name="inference.tasks.make_snapshot")
def make_snapshot(snapshot_id: int) -> None:
    snapshots.make_snapshot(snapshot_id)


@shared_task(name="inference.tasks.read_drawings")
def read_drawings(model_id: int) -> None:
    readings.read_all(ModelVersion.objects.select_related("run").get(pk=model_id))
