"""`manage.py train`: the same run as the web's, trained here or left to a worker."""

import logging
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pydantic
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.urls import reverse

from digitsite.accounts.models import User
from digitsite.site_address import site_address
from training import selectors
from training.management.commands.evaluate import describe, find_dataset
from training.ml.data import MnistUnavailable
from training.ml.hyperparameters import Hyperparameters, describe_errors
from training.ml.recipes import DEFAULT_RECIPE, RECIPES
from training.models import EpochMetric, TrainingRun
from training.services import evaluations, runs
from training.services.claims import Claim, claim_run, worker_name
from training.services.datasets import import_mnist
from training.services.heartbeat import Stop
from training.services.trainer import Outcome, train
from training.starting_points import fine_tuning_of, starting_point

BAR_WIDTH = 30


class Command(BaseCommand):
    help = "Create a training run and train it in this process. Ctrl-C cancels; it can be resumed."

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "--recipe", choices=sorted(RECIPES), help=f"Default: {DEFAULT_RECIPE}, or the model's."
        )
        parser.add_argument(
            "--from",
            dest="start_from",
            metavar="MODEL",
            help="Fine-tune this model (v3): its network, fewer epochs, smaller steps.",
        )
        parser.add_argument("--seed", type=int, help="Default: the recipe's.")
        parser.add_argument("--dataset", help="Number or name; default: MNIST.")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            dest="changes",
            help="Change a hyperparameter; may be repeated.",
        )
        parser.add_argument("--user", help="Who owns the run; default: the first admin.")
        parser.add_argument("--note", default="", help="Shown on the run's page.")
        parser.add_argument("--resume", type=int, metavar="RUN", help="Go on with a stopped run.")
        parser.add_argument("--queue", action="store_true", help="Leave it to a training worker.")

    def handle(self, *, queue: bool, resume: int | None, **options) -> None:
        make = self._resumed(resume) if resume else self._new(**options)
        # Claimed in the transaction that queues it: no worker of a running site is quicker.
        with transaction.atomic():
            run = make()
            claim = None if queue else claim_run(run.pk, worker_name())
        # The same events as in a worker's log; here they would only repeat what is printed.
        logging.getLogger("training.run").setLevel(logging.WARNING)
        self.stdout.write(f"Run {run.pk}: {run.recipe} on {run.dataset}, page: {_page(run)}")
        if queue:
            self.stdout.write("Queued; a training worker will take it.")
            return
        if claim is None:
            raise CommandError(f"Run {run.pk} is in other hands: a worker was quicker.")
        outcome = self._train(claim)
        run.refresh_from_db()
        if outcome == Outcome.CANCELLED:
            raise CommandError(
                f"Cancelled after {run.epochs_done} of {run.epochs} epochs. Go on with: "
                f"manage.py train --resume {run.pk}"
            )
        if outcome != Outcome.SUCCEEDED:
            raise CommandError(run.error or f"Run {run.pk} is in other hands: {run.status}.")
        self.stdout.write(f"Succeeded; SHA-256 of the weights {run.weights_digest}")
        # The promotion gate may have asked for others meanwhile.
        own = run.evaluations.order_by("pk").first()
        evaluation = evaluations.evaluate(own.pk)
        self.stdout.write(describe(evaluation))
        self.stdout.write(f"run: {_page(run)}")

    def _new(
        self, *, recipe, start_from, seed, dataset, changes, user, note, **_
    ) -> Callable[[], TrainingRun]:
        """Everything that may be wrong or slow first; then only the row is left to make."""
        source = starting_point(start_from) if start_from else None
        if start_from and source is None:
            raise CommandError(f"There is no model {start_from} to start from.")
        if source and not recipe:
            values = fine_tuning_of(source).model_dump()
        else:
            values = RECIPES[recipe or DEFAULT_RECIPE].hyperparameters.model_dump()
        values = changed(values, changes)
        if seed is not None:
            values["seed"] = seed
        try:
            hyperparameters = Hyperparameters(**values)
        except pydantic.ValidationError as error:
            sentences = [
                f"{field}: {text}" if field else text
                for field, text in describe_errors(error).items()
            ]
            raise CommandError("\n".join(sentences)) from None
        try:
            on = find_dataset(dataset) if dataset else selectors.default_dataset() or import_mnist()
        except MnistUnavailable as error:
            raise CommandError(str(error)) from None
        create = partial(
            runs.create_run,
            owner=owner_named(user),
            dataset=on,
            recipe=recipe or (source.recipe if source else DEFAULT_RECIPE),
            hyperparameters=hyperparameters,
            note=note,
            initial_run=source,
        )

        def made() -> TrainingRun:
            try:
                return create()
            except runs.RunError as error:
                raise CommandError(str(error)) from None

        return made

    def _resumed(self, pk: int) -> Callable[[], TrainingRun]:
        run = TrainingRun.objects.filter(pk=pk).first()
        if run is None:
            raise CommandError(f"There is no run {pk}.")

        def resume() -> TrainingRun:
            if run.status != TrainingRun.Status.QUEUED:
                try:
                    runs.resume_run(run, by=None)
                except runs.RunError as error:
                    raise CommandError(str(error)) from None
            return run

        return resume

    def _train(self, claim: Claim) -> Outcome:
        stop = Stop()
        bar = _ProgressBar(self.stdout, live=sys.stderr.isatty())
        before = {
            number: signal.signal(number, lambda *_: stop.cancel.set())
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            return train(claim, stop, observer=bar)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            bar.clear()


def changed(values: dict[str, Any], changes: list[str]) -> dict[str, Any]:
    """Values with every FIELD=VALUE of `changes` in place. Raises CommandError."""
    values = dict(values)
    for change in changes:
        field, equals, value = change.partition("=")
        if not equals:
            raise CommandError(f"--set {change}: expected FIELD=VALUE.")
        values[field.strip()] = value.strip()
    return values


def owner_named(username: str | None) -> User:
    """The person of that name, else the first admin. Raises CommandError."""
    if username:
        owner = User.objects.filter(username=username).first()
        if owner is None:
            raise CommandError(f"There is no user {username!r}.")
        return owner
    owner = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if owner is None:
        raise CommandError("There is no admin yet: manage.py createsuperuser, or use --user.")
    return owner


def _page(run: TrainingRun) -> str:
    return f"{site_address()}{reverse('run', args=[run.pk])}"


class _ProgressBar:
    """One line that moves, on a terminal only, and one line for each epoch."""

    def __init__(self, stdout, *, live: bool):
        self.stdout = stdout
        self.live = live
        self._drawn = ""

    def on_batch(self, progress: dict) -> None:
        filled = int(progress["fraction"] * BAR_WIDTH)
        line = (
            f"epoch {progress['epoch'] + 1}/{progress['epochs']} "
            f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {progress['fraction']:4.0%} "
            f"loss {progress['loss']:.4f} accuracy {progress['accuracy']:.2%}"
        )
        if self.live and line != self._drawn:
            self._drawn = line
            sys.stderr.write(f"\r{line}\x1b[K")
            sys.stderr.flush()

    def on_epoch(self, metric: EpochMetric) -> None:
        self.clear()
        line = (
            f"epoch {metric.epoch + 1:3}  loss {metric.train_loss:.4f}  "
            f"accuracy {metric.train_accuracy:.2%}"
        )
        if metric.val_accuracy is not None:
            line += f"  validation loss {metric.val_loss:.4f}  accuracy {metric.val_accuracy:.2%}"
        self.stdout.write(f"{line}  {metric.seconds:.1f} s")

    def clear(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = ""
