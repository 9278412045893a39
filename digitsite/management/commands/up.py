import sys

from django.core.management.base import BaseCommand

from digitsite.supervisor.console import Console
from digitsite.supervisor.preflight import CannotStart
from digitsite.supervisor.site import run_site


class Command(BaseCommand):
    help = "Starts the whole site on this machine and keeps it running until Ctrl-C."
    requires_system_checks = ()

    def handle(self, *args, **options):
        try:
            run_site()
        except CannotStart as refusal:
            Console(sys.stderr).failure(str(refusal))
            raise SystemExit(1) from None
