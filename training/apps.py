from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Data sets, training runs, evaluations and the analysis of errors."""

    name = "training"
