from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Datasets, training runs, evaluations and the analysis of errors."""

    name = "training"

    def ready(self) -> None:
        from training import checks  # noqa: F401  (registers itself)
        from training.services import dataset_uploads
        from training.signals import keeper_ticked

        keeper_ticked.connect(dataset_uploads.look_after, dispatch_uid="training.uploads")
