from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from training.ml.data import MnistUnavailable
from training.services.datasets import import_mnist


class Command(BaseCommand):
    help = "Import MNIST: from a file or folder if one is named, else from its usual sources."

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "path",
            nargs="?",
            type=Path,
            help="Keras's mnist.npz, or a folder with the four IDX files, gzipped or not",
        )

    def handle(self, *args, path: Path | None, **options) -> None:
        try:
            dataset = import_mnist(path)
        except MnistUnavailable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{dataset}: {dataset.train_count:,} training and {dataset.test_count:,} test images, "
            f"SHA-256 {dataset.digest}"
        )
