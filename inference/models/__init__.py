from inference.models.drawing import Drawing, Review
from inference.models.model_version import ModelVersion, Promotion

__all__ = ["Drawing", "ModelVersion", "Promotion", "Review"]
