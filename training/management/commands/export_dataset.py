"""`manage.py export_dataset`: a dataset as a file for other programs."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from training.dataset_export import dataset_parts, file_name, write_file
from training.dataset_files import FORMATS
from training.dataset_pictures import SPLITS
from training.management.commands.evaluate import find_dataset
from training.services.datasets import DatasetUnreadable


class Command(BaseCommand):
    help = "Write a dataset as .npz, as a zip of PNG images in folders by digit, or as JSON Lines."

    def add_arguments(self, parser) -> None:
        parser.add_argument("dataset", help="Number or name; of a name the newest version.")
        add_file_arguments(parser)
        parser.add_argument("--split", choices=SPLITS, help="Only this one; default: both.")

    def handle(self, *, dataset: str, format: str, output: Path | None, split, **options) -> None:
        found = find_dataset(dataset)
        try:
            parts = dataset_parts(found, format, split)
        except DatasetUnreadable as error:
            raise CommandError(f"{found} cannot be exported: {error}.") from None
        write(self, parts, output, file_name(found, format, split))


def add_file_arguments(parser) -> None:
    """--format and --output, for every command that exports."""
    parser.add_argument("--format", choices=sorted(FORMATS), default="npz", help="Default: npz.")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="A file or an existing folder; default: a file in this folder, named after it.",
    )


def write(command: BaseCommand, parts, output: Path | None, name: str) -> None:
    """Write the parts to `output`, or to `name` in it, and say so. Raises CommandError."""
    target = output or Path(name)
    if target.is_dir():
        target /= name
    try:
        size = write_file(parts, target)
    except OSError as error:
        raise CommandError(f"{target} cannot be written: {error.strerror or error}.") from None
    command.stdout.write(f"{target}, {size:,} bytes")
