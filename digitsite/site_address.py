"""Where people open the site, for what is printed in a terminal."""

from django.conf import settings

_EVERY_NETWORK = {"0.0.0.0": "localhost", "::": "localhost"}


def site_address() -> str:
    """Such as `http://127.0.0.1:8000`; behind a proxy with HTTPS the first of DIGITSITE_HOSTS."""
    if settings.HTTPS and settings.HOSTS:
        return f"https://{settings.HOSTS[0]}"
    return f"http://{_EVERY_NETWORK.get(settings.BIND, settings.BIND)}:{settings.PORT}"
