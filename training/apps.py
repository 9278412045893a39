from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Datasets, training runs, evaluations and the analysis of errors."""

    name = "training"

    def ready(self) -> None:
        from training import checks  # noqa: F401  (registers itself)
