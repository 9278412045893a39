"""`manage.py sweep`: plan many runs, say what they cost, leave them to the training workers."""

import pydantic
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from digitsite.site_address import site_address
from digitsite.templatetags.digitsite import duration
from training import selectors, sweep_page
from training.management.commands.evaluate import find_dataset
from training.management.commands.train import changed, owner_named
from training.ml import search_space
from training.ml.hyperparameters import Hyperparameters, describe_errors
from training.ml.recipes import DEFAULT_RECIPE, RECIPES
from training.models import Sweep
from training.services.runs import RunError
from training.services.sweeps import cancel_sweep, create_sweep
from training.sweep_form import USUAL_BUDGET


class Command(BaseCommand):
    help = (
        "Queue runs that differ in chosen hyperparameters. "
        'Example: sweep --try learning_rate="0.001 to 0.1 log in 4" --try dropout="0, 0.2"'
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--recipe", default=DEFAULT_RECIPE, choices=sorted(RECIPES))
        parser.add_argument("--dataset", help="Number or name; default: MNIST.")
        parser.add_argument(
            "--try",
            action="append",
            default=[],
            metavar="FIELD=VALUES",
            dest="tried",
            help="Values with commas between, or LOW to HIGH [log] [in STEPS]; may be repeated.",
        )
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            dest="changes",
            help="Change a hyperparameter of all runs; may be repeated.",
        )
        parser.add_argument("--random", action="store_true", help="Draw instead of a grid.")
        parser.add_argument("--max-runs", type=int, default=USUAL_BUDGET, help="The budget.")
        parser.add_argument("--seed", type=int, default=0, help="Of the random draws.")
        parser.add_argument("--user", help="Who owns the runs; default: the first admin.")
        parser.add_argument("--note", default="", help="Shown on the pages.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be done.")
        parser.add_argument("--show", type=int, metavar="SWEEP", help="How far one is.")
        parser.add_argument("--cancel", type=int, metavar="SWEEP", help="Cancel all its runs.")

    def handle(self, *, show: int | None, cancel: int | None, **options) -> None:
        if show or cancel:
            self._steer(show or cancel, cancel=bool(cancel))
        else:
            self._launch(**options)

    def _launch(
        self, *, recipe, dataset, tried, changes, random, max_runs, seed, user, note, dry_run, **_
    ) -> None:
        base = _checked(changed(RECIPES[recipe].hyperparameters.model_dump(), changes))
        method = search_space.Method.RANDOM if random else search_space.Method.GRID
        try:
            space = search_space.read_space(_split(tried), base)
            plan = search_space.plan(base, space, method=method, max_runs=max_runs, seed=seed)
        except search_space.SpaceError as error:
            raise CommandError(_lines(error.sentences)) from None
        on = find_dataset(dataset) if dataset else selectors.default_dataset()
        if on is None:
            raise CommandError("There is no dataset yet: manage.py import_dataset.")
        estimate = sweep_page.estimate(plan, on, recipe)
        self.stdout.write(
            f"{estimate.runs} runs of {recipe} on {on}, {estimate.epochs} epochs, "
            f"about {duration(estimate.wall_seconds)} on {estimate.workers or 1} worker(s)."
        )
        for sentence, count in plan.left_out.items():
            self.stdout.write(f"Left out {count}: {sentence}")
        if dry_run:
            for choice in plan.choices:
                self.stdout.write("  " + ", ".join(f"{k}={v}" for k, v in choice.items()))
            return
        try:
            sweep = create_sweep(
                owner=owner_named(user),
                dataset=on,
                recipe=recipe,
                base=base,
                space=space,
                method=method,
                plan=plan,
                max_runs=max_runs,
                seed=seed,
                note=note[:200],
            )
        except RunError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Sweep {sweep.pk} is in the queue: {_page(sweep)}")
        if estimate.workers == 0:
            self.stdout.write("No training worker is alive; manage.py up starts one.")

    def _steer(self, pk: int, *, cancel: bool) -> None:
        sweep = Sweep.objects.select_related("dataset", "owner").filter(pk=pk).first()
        if sweep is None:
            raise CommandError(f"There is no sweep {pk}.")
        if cancel:
            try:
                self.stdout.write(f"{cancel_sweep(sweep, by=None)} runs cancelled.")
            except RunError as error:
                raise CommandError(str(error)) from None
        standing = sweep_page.standing(sweep)
        for row in standing.rows:
            accuracy = "–" if row.accuracy is None else f"{row.accuracy:.2%}"
            values = ", ".join(
                f"{field.name}={value}"
                for field, value in zip(standing.fields, row.values, strict=True)
            )
            self.stdout.write(f"run {row.run.pk}  {accuracy:>7}  {row.run.status:9}  {values}")
        self.stdout.write(_page(sweep))


def _split(tried: list[str]) -> dict[str, str]:
    space: dict[str, str] = {}
    for text in tried:
        field, equals, values = text.partition("=")
        if not equals:
            raise CommandError(f"--try {text}: expected FIELD=VALUES.")
        space[field.strip()] = values
    return space


def _checked(values: dict) -> Hyperparameters:
    try:
        return Hyperparameters(**values)
    except pydantic.ValidationError as error:
        raise CommandError(_lines(describe_errors(error))) from None


def _lines(sentences: dict[str, str]) -> str:
    return "\n".join(f"{name}: {text}" if name else text for name, text in sentences.items())


def _page(sweep: Sweep) -> str:
    return f"{site_address()}{reverse('sweep', args=[sweep.pk])}"
