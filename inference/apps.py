from django.apps import AppConfig


class InferenceConfig(AppConfig):
    """The model registry, the predictor, drawings, reviews and the studio."""

    name = "inference"
