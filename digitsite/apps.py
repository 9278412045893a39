from django.apps import AppConfig


class DigitsiteConfig(AppConfig):
    """The project as an app, for its commands, static files and template tags."""

    name = "digitsite"
