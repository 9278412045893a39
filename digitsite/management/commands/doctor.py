from django.core.management.base import BaseCommand

from digitsite.diagnosis import diagnose


class Command(BaseCommand):
    help = "Says what is well with this installation, what is not, and what to do about it."
    requires_system_checks = ()

    def handle(self, *args, **options):
        ill = 0
        for finding in diagnose():
            mark = self.style.SUCCESS("ok  ") if finding.well else self.style.ERROR("NO  ")
            self.stdout.write(f"{mark}{finding.subject:<15}{finding.state}")
            if not finding.well:
                ill += 1
                self.stdout.write(f"    {'':<15}{finding.advice}")
        if ill:
            raise SystemExit(1)
