"""`manage.py create_token USERNAME`: a key for programs, printed once."""

from django.core.management.base import BaseCommand, CommandError

from digitsite.accounts import tokens
from digitsite.accounts.models import User


class Command(BaseCommand):
    help = "Make a personal API token and print its key, which cannot be read again."

    def add_arguments(self, parser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="command line", help="what uses the token")

    def handle(self, *, username: str, name: str, **options) -> None:
        owner = User.objects.filter(username=username, is_active=True).first()
        if owner is None:
            raise CommandError(f"There is no active person {username!r}.")
        try:
            _, key = tokens.create_token(owner, name)
        except tokens.TokenError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(key)
