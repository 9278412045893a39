"""manage.py promote VERSION --reason "...": make a model version serve, or roll back to one.

What the gate lacks is judged here and now, so that no worker is needed.
"""

from django.core.management.base import BaseCommand, CommandError

from digitsite.accounts.models import User
from inference import registry
from inference.models import ModelVersion
from inference.promotion_gate import gate_report
from inference.services import judging
from inference.services.promotion import GateRefused, PromotionError, promote
from training.services.datasets import DatasetUnreadable


class Command(BaseCommand):
    help = "Makes a model version serve. An older version may be named: that is a roll-back."

    def add_arguments(self, parser) -> None:
        parser.add_argument("version", help="Number of the version: 3 or v3")
        parser.add_argument("--reason", required=True, help="Kept in the history")
        parser.add_argument(
            "--override",
            action="store_true",
            help="Although the gate blocks it; the history keeps that, with the reason",
        )
        parser.add_argument("--by", metavar="USERNAME", help="Whose decision it is")

    def handle(
        self, *, version: str, reason: str, override: bool, by: str | None, **options
    ) -> None:
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
        production = registry.production()
        if production != model and gate_report(model, production).reasons:
            self._judge(model)
        try:
            promotion = promote(model, by=person, reason=reason, override=override)
        except GateRefused as error:
            raise CommandError(
                f"{error} With --override it serves all the same, and the history says so."
            ) from None
        except PromotionError as error:
            raise CommandError(str(error)) from None
        for check in promotion.gate_report["checks"]:
            self.stdout.write(f"{check['state']:>8}  {check['sentence']}")
        self.stdout.write(f"{model} serves now. The studio follows within two seconds.")

    def _judge(self, model: ModelVersion) -> None:
        """The missing evaluations; one that fails is for the gate to tell."""
        self.stdout.write(f"Judging {model} against the production model ...")
        try:
            judging.judge_now(model)
        except (OSError, ValueError, DatasetUnreadable) as error:
            self.stderr.write(f"The evaluation stopped: {error}")
