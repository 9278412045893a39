"""manage.py promote VERSION --reason "...": make a model version serve, or roll back to one."""

from django.core.management.base import BaseCommand, CommandError

from digitsite.accounts.models import User
from inference.models import ModelVersion
from inference.services.promotion import PromotionError, promote


class Command(BaseCommand):
    help = "Makes a model version serve. An older version may be named: that is a roll-back."

    def add_arguments(self, parser) -> None:
        parser.add_argument("version", help="Number of the version: 3 or v3")
        parser.add_argument("--reason", required=True, help="Kept in the history")
        parser.add_argument("--by", metavar="USERNAME", help="Whose decision it is")

    def handle(self, *, version: str, reason: str, by: str | None, **options) -> None:
        number = version.removeprefix("v")
        if not number.isdecimal():
            raise CommandError(f"{version!r} is no version. Give its number: 3 or v3.")
        model = ModelVersion.objects.select_related("run").filter(number=int(number)).first()
        if model is None:
            known = ", ".join(map(str, ModelVersion.objects.order_by("number"))) or "none"
            raise CommandError(f"There is no model v{number}. Registered: {known}.")
        person = User.objects.filter(username=by).first() if by else None
        if by and person is None:
            raise CommandError(f"There is nobody called {by!r} here.")
        try:
            promote(model, by=person, reason=reason)
        except PromotionError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{model} serves now. The studio follows within two seconds.")
