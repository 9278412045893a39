"""`manage.py export_drawings`: drawings with their strokes as a file for other programs."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from digitsite.accounts.models import User
from inference.drawing_export import drawing_parts, file_name
from training.management.commands.export_dataset import add_file_arguments, write


class Command(BaseCommand):
    help = (
        "Write all drawings, with strokes, labels and authors, as .npz, as a zip of PNG images in "
        "a folder for each digit, or as JSON Lines."
    )

    def add_arguments(self, parser) -> None:
        add_file_arguments(parser)
        parser.add_argument("--user", help="Only what this person drew.")

    def handle(self, *, format: str, output: Path | None, user: str | None, **options) -> None:
        author = User.objects.filter(username=user).first() if user else None
        if user and author is None:
            raise CommandError(f"There is no user {user!r}.")
        write(self, drawing_parts(format, author), output, file_name(format, author))
