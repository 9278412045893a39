"""The event file of a run, read back by TensorFlow."""

import pytest
from django.urls import reverse

from tests.factories import make_run, make_running_run, record_epochs
from training.event_file import event_file, file_name
from training.models import EpochMetric

pytestmark = pytest.mark.django_db


def read(path) -> list[tuple[float, int, str, dict[str, float]]]:
    """(wall time, step, file version, scalars) of each event; raises if a checksum is wrong."""
    import tensorflow as tf

    return [
        (
            event.wall_time,
            event.step,
            event.file_version,
            {value.tag: value.simple_value for value in event.summary.value},
        )
        for event in tf.compat.v1.train.summary_iterator(str(path))
    ]


@pytest.mark.tensorflow
def test_tensorflow_reads_every_curve_of_the_run(tmp_path):
    run, claim = make_running_run()
    record_epochs(claim, 3)
    run.epoch_metrics.filter(epoch=2).update(recorded_at=None)  # as before it was kept
    path = tmp_path / file_name(run)
    path.write_bytes(event_file(run))
    first, *epochs = read(path)

    assert first == (run.started_at.timestamp(), 0, "brain.Event:2", {})
    assert [step for _, step, _, _ in epochs] == [1, 2, 3]
    ends = [metric.recorded_at.timestamp() for metric in run.epoch_metrics.all()[:2]]
    assert [wall_time for wall_time, *_ in epochs] == [*ends, ends[1] + 2.0]
    assert epochs[1][3] == pytest.approx(
        {
            "loss/training": 0.25,
            "accuracy/training": 0.91,
            "loss/validation": 0.3,
            "accuracy/validation": 0.90,
            "learning_rate": 1e-3,
            "epoch_seconds": 2.0,
        }
    )


@pytest.mark.tensorflow
def test_a_run_without_validation_or_with_many_epochs_is_read_too(tmp_path):
    run = make_run()
    EpochMetric.objects.bulk_create(
        EpochMetric(
            run=run,
            fence=1,
            epoch=epoch,
            train_loss=1.0,
            train_accuracy=0.5,
            learning_rate=0.1,
            seconds=1.0,
        )
        for epoch in range(300)  # a step above 127 takes two bytes
    )
    path = tmp_path / file_name(run)
    path.write_bytes(event_file(run))
    _first, *epochs = read(path)

    assert [step for _, step, _, _ in epochs] == list(range(1, 301))
    assert all("loss/validation" not in scalars for *_, scalars in epochs)


def test_the_download_has_a_name_that_tensorboard_looks_for(client):
    run, claim = make_running_run()
    record_epochs(claim, 1)
    client.force_login(run.owner)
    answer = client.get(reverse("run_tensorboard", args=[run.pk]))

    assert answer.content == event_file(run)
    assert "tfevents" in answer["Content-Disposition"]
    assert f"run-{run.pk}" in answer["Content-Disposition"]
    assert answer["Cache-Control"].startswith("max-age=0")


def test_the_run_page_links_to_it_once_there_is_an_epoch(client):
    run, claim = make_running_run()
    client.force_login(run.owner)
    page, link = reverse("run", args=[run.pk]), reverse("run_tensorboard", args=[run.pk])

    assert link not in client.get(page).content.decode()
    record_epochs(claim, 1)
    assert link in client.get(page).content.decode()


def test_a_run_that_is_not_there_has_no_event_file(client):
    client.force_login(make_run().owner)
    assert client.get(reverse("run_tensorboard", args=[999])).status_code == 404
