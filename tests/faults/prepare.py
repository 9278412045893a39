"""Run in a process of the site: fills its empty database, prints what an attacker needs as JSON."""

import json
import sys

import django
from django.core.management import call_command


def main() -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    from digitsite.accounts.tokens import create_token
    from tests.factories import make_dataset, make_user

    owner = make_user("researcher", username="researcher")
    dataset = make_dataset(train=2048)
    json.dump({"token": create_token(owner, "faults")[1], "dataset": dataset.pk}, sys.stdout)


if __name__ == "__main__":
    main()
