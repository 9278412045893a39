"""Derive every drawing's and test image's state from its verdicts again."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from inference.services.review_state import out_of_step, rebuild_status


class Command(BaseCommand):
    help = (
        "Derives the state of every drawing and misclassified image from its verdicts, e.g. after "
        "a change of REVIEWS_REQUIRED."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing; fail if anything would change"
        )

    def handle(self, *args, check: bool, **options) -> None:
        count = 0
        for subject in out_of_step():
            count += 1
            self.stdout.write(f"{'differs' if check else 'rebuilt'}: {subject}")
            if not check:
                rebuild_status(subject)
        if check and count:
            raise CommandError(f"{count} differ from their verdicts; run it without --check.")
        self.stdout.write(
            f"{count} rebuilt." if count else "Every state follows from its verdicts."
        )
