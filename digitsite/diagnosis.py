"""What `manage.py doctor` looks at. Each check tells what it found and what to do about it."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from digitsite.accounts.models import User
from digitsite.supervisor.private_redis import answers, without_password
from inference import registry
from training.models import Dataset, TrainingRun
from training.worker_liveness import live_train_workers

PYTHONS = ((3, 11), (3, 14))  # from, up to but without
ENOUGH_FREE_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Finding:
    """`advice` is empty where all is well."""

    subject: str
    state: str
    advice: str = ""

    @property
    def well(self) -> bool:
        return not self.advice


def diagnose() -> Iterator[Finding]:
    """Every check in order, without those that need a database or files which are away."""
    for check in (_python, _home, _disk):
        yield check()
    files = _files()
    yield files
    database = _database()
    yield database
    yield _redis()
    yield _worker()
    if database.well:
        migrations = _migrations()
        yield migrations
        if migrations.well:
            readers = (_mnist, _production) if files.well else ()
            for needs_tables in (_administrator, _runs, *readers):
                yield _guarded(needs_tables)


def _guarded(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except DatabaseError as error:
        return Finding("Database", f"refused a query: {error}", "Run: manage.py migrate")


def _python() -> Finding:
    least, limit = PYTHONS
    advice = ""
    if not least <= sys.version_info[:2] < limit:
        advice = "Use Python 3.11, 3.12 or 3.13: remove .venv and run `make run` with one of them."
    return Finding("Python", platform.python_version(), advice)


def _home() -> Finding:
    home = Path(settings.HOME)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        return Finding(
            "Home",
            f"{home} cannot be written ({error.strerror})",
            "Change its owner, or choose another folder with DIGITSITE_HOME.",
        )
    return Finding("Home", str(home))


def _disk() -> Finding:
    home = Path(settings.HOME)
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    advice = "" if free > ENOUGH_FREE_BYTES else "Free at least 2 GB: runs store checkpoints."
    return Finding("Disk", f"{free / 1e9:.1f} GB free", advice)


def _files() -> Finding:
    """Write, read and remove a file, as runs will."""
    where = (
        f"bucket {default_storage.bucket_name}"
        if hasattr(default_storage, "bucket_name")
        else "on this machine"
    )
    try:
        name = default_storage.save("doctor/probe", ContentFile(b"a probe"))
        with default_storage.open(name) as file:
            content = file.read()
        default_storage.delete(name)
    except OSError as error:
        return Finding("Files", f"{where}: {error}", "See DIGITSITE_FILES_URL in docs/settings.md.")
    if content != b"a probe":
        return Finding("Files", f"{where}: what was written reads otherwise", "Mistrust it.")
    return Finding("Files", where)


def _database() -> Finding:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        return Finding(
            "Database",
            f"{connection.display_name} does not answer: {str(error).strip().splitlines()[0]}",
            "Start it, or correct DATABASE_URL.",
        )
    return Finding("Database", connection.display_name)


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        return Finding("Migrations", f"{missing} missing", "Run: manage.py migrate")
    return Finding("Migrations", "all applied")


def _redis() -> Finding:
    where = without_password(settings.REDIS_URL)
    if why := answers(settings.REDIS_URL):
        advice = "Start the site with `make run`"
        advice += ", or the Redis that REDIS_URL names." if os.environ.get("REDIS_URL") else "."
        return Finding("Redis", f"{where} does not answer: {why}", advice)
    return Finding("Redis", where)


def _worker() -> Finding:
    alive = live_train_workers()
    if alive is None:
        return Finding("Workers", "unknown while Redis is away", "See Redis.")
    if not alive:
        return Finding(
            "Workers",
            "no training worker is alive",
            "Start the site with `make run`, or look into worker-train.log if it runs.",
        )
    return Finding("Workers", f"{alive} for training")


def _administrator() -> Finding:
    if not User.objects.filter(is_active=True, is_superuser=True).exists():
        return Finding("Administrator", "none", "Run: manage.py bootstrap --prepare")
    return Finding("Administrator", "there is one")


def _mnist() -> Finding:
    dataset = Dataset.objects.filter(kind=Dataset.Kind.MNIST).first()
    if dataset is None:
        return Finding("MNIST", "not imported", "Run: manage.py bootstrap --model")
    if not default_storage.exists(dataset.file.name):
        return Finding(
            "MNIST", f"{dataset.file.name} is missing", "Run: manage.py bootstrap --model"
        )
    return Finding("MNIST", f"{dataset}, digest {dataset.digest[:12]}")


def _runs() -> Finding:
    counts = {
        status: TrainingRun.objects.filter(status=status).count()
        for status in (TrainingRun.Status.QUEUED, TrainingRun.Status.RUNNING)
    }
    return Finding("Runs", ", ".join(f"{count} {status}" for status, count in counts.items()))


def _production() -> Finding:
    model = registry.production()
    if model is None:
        return Finding(
            "Model", "none serves", "Promote one under Models, or run: manage.py bootstrap --model"
        )
    name = model.run.artifacts.get("onnx", {}).get("name", "")
    if not name or not default_storage.exists(name):
        return Finding(
            "Model", f"the file of {model} is missing", "Promote another version under Models."
        )
    return Finding("Model", f"{model} serves")
