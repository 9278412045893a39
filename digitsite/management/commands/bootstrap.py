import sys

from django.core.management.base import BaseCommand

from digitsite import bootstrap
from digitsite.supervisor.console import Console
from inference.services.promotion import PromotionError
from training.ml.data import MnistUnavailable


class Command(BaseCommand):
    help = (
        "Takes an empty database to a site with an administrator, MNIST and a production model."
        " Needs running workers for the model. Safe to repeat."
    )

    def add_arguments(self, parser):
        only = parser.add_mutually_exclusive_group()
        only.add_argument(
            "--prepare", action="store_true", help="only migrate, static files, administrator"
        )
        only.add_argument(
            "--model", action="store_true", help="only MNIST and the first production model"
        )

    def handle(self, *args, **options):
        console = Console()
        try:
            if not options["model"]:
                admin = bootstrap.prepare(console)
                if admin.password:
                    console.line(f"  One-time password of {admin.username}: {admin.password}")
            if not options["prepare"]:
                bootstrap.first_model(console)
        except (bootstrap.BootstrapError, MnistUnavailable, PromotionError) as error:
            Console(sys.stderr).failure(str(error))
            raise SystemExit(1) from None
        except KeyboardInterrupt:
            raise SystemExit(130) from None
