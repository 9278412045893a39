from django.apps import AppConfig


class InferenceConfig(AppConfig):
    """The model registry, the predictor, drawings, reviews and the studio."""

    name = "inference"

    def ready(self) -> None:
        from inference.registry import on_run_succeeded
        from training.signals import run_succeeded

        run_succeeded.connect(on_run_succeeded, dispatch_uid="inference.registry")
