"""`manage.py evaluate RUN`: judge a finished run on a split, in this process."""

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from digitsite.site_address import site_address
from training.models import Analysis, Dataset, Evaluation, TrainingRun
from training.services import analyses, evaluations


class Command(BaseCommand):
    help = "Evaluate a succeeded run's model and print what came out."

    def add_arguments(self, parser) -> None:
        parser.add_argument("run", type=int, help="Number of the run.")
        parser.add_argument("--dataset", help="Number or name; default: the run's own.")
        parser.add_argument("--split", choices=("train", "test"), default="test")
        parser.add_argument(
            "--analyse",
            action="store_true",
            help="Look into the errors too: slices, damaged images, suspicious labels, a map.",
        )

    def handle(
        self, *, run: int, dataset: str | None, split: str, analyse: bool, **options
    ) -> None:
        found = TrainingRun.objects.select_related("dataset").filter(pk=run).first()
        if found is None:
            raise CommandError(f"There is no run {run}.")
        if found.status != TrainingRun.Status.SUCCEEDED:
            raise CommandError(f"Run {run} is {found.status}; only a succeeded run has a model.")
        on = found.dataset if dataset is None else find_dataset(dataset)
        evaluation, _ = Evaluation.objects.get_or_create(run=found, dataset=on, split=split)
        evaluation = evaluations.evaluate(evaluation.pk)
        self.stdout.write(describe(evaluation))
        if analyse:
            asked = analyses.request_analysis(evaluation, by=None, wake=False)
            self.stdout.write(describe_analysis(analyses.analyse(asked.pk)))


def find_dataset(wanted: str) -> Dataset:
    """By number or, newest version first, by name. Raises CommandError."""
    if wanted.isdecimal():
        found = Dataset.objects.filter(pk=int(wanted)).first()
    else:
        found = Dataset.objects.filter(name__iexact=wanted).order_by("-version").first()
    if found is None:
        raise CommandError(
            f"There is no dataset {wanted!r}. `manage.py import_dataset` makes one from MNIST."
        )
    return found


def describe(evaluation: Evaluation) -> str:
    """Accuracy with its interval, and the worst digits, in a few lines."""
    worst = sorted(evaluation.per_class, key=lambda row: row["recall"])[:3]
    digits = ", ".join(f"{row['digit']} ({row['recall']:.1%})" for row in worst)
    return (
        f"{evaluation.dataset}, {evaluation.split} split, {evaluation.count} images\n"
        f"accuracy {evaluation.accuracy:.2%} "
        f"(95 % interval {evaluation.accuracy_low:.2%} to {evaluation.accuracy_high:.2%}), "
        f"loss {evaluation.loss:.4f}\n"
        f"lowest recall: {digits}\n"
        f"page: {site_address()}{reverse('evaluation', args=[evaluation.pk])}"
    )


def describe_analysis(analysis: Analysis) -> str:
    """The worst slices, the worst damage and the most suspicious labels, in a few lines."""
    if analysis.status != Analysis.Status.DONE:
        return "A worker is computing the analysis already; the page shows how far it is."
    slices = ", ".join(
        f"{row['kind'].lower()} {row['name']} ({row['accuracy']:.1%} of {row['count']})"
        for row in analysis.slices[:3]
    )
    damage = sorted(analysis.corruptions["rows"], key=lambda row: -row["cells"][-1]["drop"])
    labels = ", ".join(
        f"#{row['index']} ({row['label']}, read as {row['read']})" for row in analysis.suspects[:5]
    )
    return (
        f"worst slices: {slices}\n"
        "strong damage costs most: "
        + ", ".join(f"{row['name'].lower()} ({row['cells'][-1]['drop']:.1%})" for row in damage[:3])
        + f"\nmost suspicious labels: {labels}\n"
        f"analysed in {analysis.seconds:.0f} s"
    )
