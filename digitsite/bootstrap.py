"""From an empty home to a site that reads digits. Every step finds out what is done already.

`prepare` needs only the database; `first_model` needs a training worker and follows its run.
"""

import io
import secrets
import time
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from digitsite.accounts.models import User
from digitsite.accounts.roles import Role
from digitsite.supervisor.console import Console
from inference import registry
from inference.models import ModelVersion
from inference.services.promotion import promote
from training.ml.recipes import DEFAULT_RECIPE, RECIPES
from training.models import Dataset, Evaluation, TrainingRun
from training.services.datasets import import_mnist
from training.services.runs import create_run, resume_run

LOOK_EVERY_SECONDS = 0.3
# A worker that lives takes a queued run within two rounds of the keeper.
NO_WORKER_AFTER_SECONDS = 45
NOTE = "The first run of this site"

Status = TrainingRun.Status


class BootstrapError(Exception):
    """The first model cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class FirstAdmin:
    """The first administrator; `password` is known only when it was generated just now."""

    username: str
    created: bool
    password: str = ""


# --- before any process starts ----------------------------------------------------------------


def prepare(console: Console) -> FirstAdmin:
    """Migrates, collects static files and makes the first administrator."""
    with console.step("Database") as step:
        applied = migrate()
        step.done(f"{connection.display_name}, {applied or 'no new'} migrations")
    with console.step("Static files") as step:
        step.done(f"{collect_static()} new")
    admin = first_admin()
    if admin.created:
        with console.step("Administrator") as step:
            step.done(f"{admin.username}, password {'below' if admin.password else 'as given'}")
    return admin


def migrate() -> int:
    """Applies what is missing: how many migrations that was."""
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        call_command("migrate", interactive=False, verbosity=0)
    return missing


def collect_static() -> int:
    """Copies new and changed static files to STATIC_ROOT: how many."""
    said = io.StringIO()
    call_command("collectstatic", interactive=False, verbosity=1, stdout=said)
    words = said.getvalue().split()
    return int(words[0]) if words and words[0].isdigit() else 0


@transaction.atomic
def first_admin() -> FirstAdmin:
    """An active administrator, made when there is none: the password given, or a random one."""
    existing = User.objects.filter(is_active=True, is_superuser=True).order_by("pk").first()
    if existing is not None:
        return FirstAdmin(existing.username, created=False)
    username, given = settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD
    try:
        User.username_validator(username)
    except ValidationError as error:
        raise BootstrapError(
            f"DIGITSITE_ADMIN_USERNAME={username!r} is no user name: {' '.join(error.messages)}"
        ) from None
    password = given or secrets.token_urlsafe(9)
    user, _ = User.objects.get_or_create(username=username)
    user.is_active = user.is_staff = user.is_superuser = True
    user.set_password(password)
    user.save()
    user.groups.add(user.groups.model.objects.get(name=Role.ADMIN))
    return FirstAdmin(username, created=True, password="" if given else password)


# --- with workers -----------------------------------------------------------------------------


def first_model(console: Console) -> ModelVersion:
    """The production model; on a new site MNIST is imported and a `fast` model trained for it.

    Goes on where an interrupted start stopped. Raises BootstrapError, and
    training.ml.data.MnistUnavailable.
    """
    if model := registry.production():
        return model
    dataset = _dataset(console)
    model = ModelVersion.objects.order_by("-number").first()
    run = model.run if model else _run(dataset)
    if not model:
        model = _follow_training(console, run)
    evaluation = _follow_evaluation(console, run)
    with console.step("Model") as step:
        promote(
            model,
            by=None,
            reason=f"First model of this site: {evaluation.accuracy:.2%} of the test images right.",
        )
        step.done(f"{model} serves")
    return model


def _dataset(console: Console) -> Dataset:
    with console.step("MNIST") as step:
        try:
            dataset = import_mnist()
        except OSError as error:
            raise BootstrapError(
                f"MNIST cannot be stored: {error}. `manage.py doctor` looks at the file storage."
            ) from None
        step.done(f"{dataset.train_count:,} + {dataset.test_count:,} images, {dataset.source}")
    return dataset


def _run(dataset: Dataset) -> TrainingRun:
    """The run to wait for: one under way, else the first run of the site, made or tried again."""
    under_way = TrainingRun.objects.filter(status__in=(Status.RUNNING, Status.QUEUED))
    if run := under_way.order_by("-status", "pk").first():  # running before queued
        return run
    if (run := TrainingRun.objects.filter(note=NOTE).first()) is not None:
        if run.status == Status.CANCELLED:
            raise BootstrapError(
                f"Run {run.pk} was cancelled, so there is no model yet: resume it on its page."
            )
        if run.status == Status.FAILED:
            resume_run(run, by=None)
        return run
    return create_run(
        owner=User.objects.filter(is_active=True, is_superuser=True).order_by("pk").first(),
        dataset=dataset,
        recipe=DEFAULT_RECIPE,
        hyperparameters=RECIPES[DEFAULT_RECIPE].hyperparameters,
        note=NOTE,
    )


def _follow_training(console: Console, run: TrainingRun) -> ModelVersion:
    with console.step("Training") as step:
        queued_since, warned = time.monotonic(), False
        while not run.is_final:
            step.progress(_progress(run))
            if run.status == Status.RUNNING:
                queued_since = time.monotonic()
            elif not warned and time.monotonic() - queued_since > NO_WORKER_AFTER_SECONDS:
                console.note(
                    "No training worker has taken the run: see worker-train.log"
                    f" under {settings.HOME / 'log'}. Still waiting."
                )
                warned = True
            time.sleep(LOOK_EVERY_SECONDS)
            run.refresh_from_db()
        if run.status == Status.CANCELLED:
            raise BootstrapError(f"Run {run.pk} was cancelled: resume it on its page.")
        if run.status == Status.FAILED:
            raise BootstrapError(f"Run {run.pk} failed. {run.error}")
        step.done(f"run {run.pk}, recipe {run.recipe}, {run.epochs_done} epochs")
    return registry.register(run)


def _progress(run: TrainingRun) -> str:
    if run.status == Status.QUEUED:
        return f"run {run.pk} waits for the worker"
    now = run.progress
    if now.get("stage") == "exporting":
        return f"run {run.pk}: exporting and proving the model"
    if "epoch" not in now:
        return f"run {run.pk}: loading TensorFlow"
    return (
        f"run {run.pk}: epoch {now['epoch'] + 1} of {now['epochs']},"
        f" {now.get('fraction', 0):.0%} done, accuracy {now['accuracy']:.2%}"
    )


def _follow_evaluation(console: Console, run: TrainingRun) -> Evaluation:
    with console.step("Evaluation") as step:
        while True:
            evaluation = run.evaluations.filter(dataset=run.dataset_id, split="test").first()
            if evaluation is None:
                raise BootstrapError(f"Run {run.pk} has no evaluation: see its page.")
            if evaluation.status == Evaluation.Status.FAILED:
                raise BootstrapError(f"The evaluation of run {run.pk} failed. {evaluation.error}")
            if evaluation.status == Evaluation.Status.DONE:
                break
            step.progress("the test images, once")
            time.sleep(LOOK_EVERY_SECONDS)
        step.done(
            f"{evaluation.accuracy:.2%} of {evaluation.count:,} test images"
            f" (95 %: {evaluation.accuracy_low:.2%} to {evaluation.accuracy_high:.2%})"
        )
    return evaluation
