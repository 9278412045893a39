from inference.models.drawing import Drawing, Review, ReviewHold
from inference.models.model_version import ModelVersion, Promotion
from inference.models.share_link import ShareLink

__all__ = ["Drawing", "ModelVersion", "Promotion", "Review", "ReviewHold", "ShareLink"]
