"""`manage.py snapshot_drawings`: the settled drawings as the next dataset, made in this process."""

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from digitsite.site_address import site_address
from inference.models import Snapshot
from inference.services.snapshots import (
    DEFAULT_NAME,
    SnapshotError,
    snapshot_drawings,
)
from training.ml.mixing import DEFAULT_SMALL_SHARE
from training.models import Dataset


class Command(BaseCommand):
    help = (
        "Make a dataset of the settled drawings, and one mixed with MNIST. Drawings of pool people "
        "go to the training split, those of holdout people to the test split."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "--share",
            type=float,
            default=DEFAULT_SMALL_SHARE,
            help="What share of the mixed training split the drawings make up, above 0 to 1; "
            "default: %(default).2g.",
        )
        parser.add_argument("--name", default=DEFAULT_NAME, help="Default: %(default)s.")

    def handle(self, *, share: float, name: str, **options) -> None:
        try:
            snapshot = snapshot_drawings(None, mnist_share=1 - share, name=name)
        except SnapshotError as error:
            raise CommandError(str(error)) from None
        report = snapshot.report
        for dataset, is_new in (
            (snapshot.drawings, report["is_new"]),
            (snapshot.mixed, report.get("mixed_is_new")),
        ):
            if dataset:
                self.stdout.write(_line(dataset, is_new))
        if snapshot.mixed:
            self.stdout.write(_mixture(snapshot))
        for item in report["left_out"]:
            self.stdout.write(f"left out: drawing {item['drawing']}: {item['why']}")


def _line(dataset: Dataset, is_new: bool) -> str:
    page = f"{site_address()}{reverse('dataset', args=[dataset.pk])}"
    known = "" if is_new else "nothing new since "
    return (
        f"{known}{dataset}: {dataset.train_count:,} training and {dataset.test_count:,} test "
        f"images, page: {page}"
    )


def _mixture(snapshot: Snapshot) -> str:
    report = snapshot.report
    return (
        f"drawings make up {report['share']:.1%} of the mixed training split, each "
        f"{report['copies']:.1f} times"
    )
