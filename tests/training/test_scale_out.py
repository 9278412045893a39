"""Three training workers that share no disk drain one queue; the web reads what each has made."""

import hashlib
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from django.urls import reverse

from digitsite.file_storage import storage_for
from tests.factories import TINY, make_dataset, make_run, make_user
from tests.object_store import KEYS, ObjectStore, object_store
from tests.workers import wait_for, workers
from training import selectors
from training.models import Evaluation, TrainingRun

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.postgresql,
]
SHORT = TINY.model_copy(update={"epochs": 2})
HANG_SECONDS = 3


@pytest.fixture
def store(tmp_path, monkeypatch, settings) -> Iterator[ObjectStore]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with object_store(tmp_path / "moto.log") as server:
        settings.STORAGES = settings.STORAGES | {"default": storage_for(server.files_url)}
        yield server


@pytest.fixture
def homes(store, redis_url, child_environment, tmp_path) -> Iterator[list]:
    """The homes of three running workers."""
    environment = child_environment | KEYS | {"DIGITSITE_FILES_URL": store.files_url}
    homes = [tmp_path / f"machine-{number}" for number in range(3)]
    # A child for several runs: loading TensorFlow twelve times would take most of the time.
    with workers(environment, runs_per_child=12) as start:
        for home in homes:
            start(DIGITSITE_HOME=str(home), TRAIN_THREADS="1")
        wait_for("three workers", lambda: selectors.live_train_workers() == 3)
        yield homes


def queue_twelve() -> dict[str, list[TrainingRun]]:
    """Ada queues six runs, then Bob four, the last of them urgent, then Cleo two."""
    dataset = make_dataset()
    people = {name: make_user(username=name) for name in ("ada", "bob", "cleo")}
    with transaction.atomic():  # nobody sees one of them before all are there
        return {
            name: [
                make_run(people[name], dataset, hyperparameters=SHORT, priority=priority)
                for priority in priorities
            ]
            for name, priorities in {
                "ada": [0] * 6,
                "bob": [0, 0, 0, 5],
                "cleo": [0, 0],
            }.items()
        }


async def whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def test_three_workers_without_a_shared_disk_drain_twelve_runs_in_fair_turns(store, homes, client):
    queued = queue_twelve()
    ada, bob, cleo = queued["ada"], queued["bob"], queued["cleo"]
    everything = TrainingRun.objects.all()
    wait_for("a success", lambda: everything.filter(status="succeeded").exists())
    os.kill(store.process.pid, signal.SIGSTOP)
    time.sleep(HANG_SECONDS)
    os.kill(store.process.pid, signal.SIGCONT)
    wait_for(
        "an empty queue", lambda: not everything.filter(status__in=("queued", "running")).exists()
    )
    done = Evaluation.objects.filter(status=Evaluation.Status.DONE)
    wait_for("twelve evaluations", lambda: done.count() == 12)

    assert Counter(everything.values_list("status", "attempt", "fence")) == {
        ("succeeded", 1, 1): 12
    }
    turns = [bob[3], ada[0], cleo[0], bob[0], ada[1], cleo[1], bob[1], ada[2], bob[2], *ada[3:]]
    assert list(everything.order_by("started_at").values_list("pk", flat=True)) == [
        run.pk for run in turns
    ]
    assert len(set(everything.values_list("worker", flat=True))) == 3
    assert len(set(everything.values_list("weights_digest", flat=True))) == 1
    for home in homes:
        assert not (home / "files").exists()
        assert list((home / "work").iterdir()) == []
    assert all(key.startswith("site/") for key in store.object_names())

    client.force_login(ada[0].owner)
    for run in everything.all():
        assert client.get(reverse("run", args=[run.pk])).status_code == 200
        assert client.get(reverse("evaluation", args=[run.evaluations.get().pk])).status_code == 200
        number = run.model_version.number
        answer = client.get(reverse("model_download", args=[number, "onnx"]))
        content = async_to_sync(whole)(answer.streaming_content)
        assert hashlib.sha256(content).hexdigest() == run.artifacts["onnx"]["sha256"]
    longest = max(run.finished_at - run.started_at for run in everything)
    assert longest >= timedelta(seconds=HANG_SECONDS * 0.5)  # somebody met the storage hanging
