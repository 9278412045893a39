from django.apps import AppConfig


class InferenceConfig(AppConfig):
    """The model registry, the predictor, drawings, reviews and the studio."""

    name = "inference"

    def ready(self) -> None:
        from inference.registry import on_run_succeeded
        from inference.services.snapshots import wake_forgotten
        from training.signals import keeper_ticked, run_succeeded

        keeper_ticked.connect(wake_forgotten, dispatch_uid="inference.snapshots")
        run_succeeded.connect(on_run_succeeded, dispatch_uid="inference.registry")
