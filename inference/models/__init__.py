from inference.models.drawing import Drawing, Review, ReviewHold
from inference.models.model_version import ModelVersion, Promotion

__all__ = ["Drawing", "ModelVersion", "Promotion", "Review", "ReviewHold"]
