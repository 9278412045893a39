from django.apps import AppConfig


class InferenceConfig(AppConfig):
    """The model registry, the predictor, drawings, reviews and the studio."""

    name = "inference"

    def ready(self) -> None:
        from inference import registry
        from inference.drawing_slices import drawing_slices
        from inference.services import judging
        from inference.services.snapshots import wake_forgotten
        from training import slice_providers
        from training.signals import keeper_ticked, run_succeeded

        slice_providers.register("inference", drawing_slices)
        keeper_ticked.connect(wake_forgotten, dispatch_uid="inference.snapshots")
        # In this order: what is judged has been registered.
        run_succeeded.connect(registry.on_run_succeeded, dispatch_uid="inference.registry")
        run_succeeded.connect(judging.on_run_succeeded, dispatch_uid="inference.judging")
