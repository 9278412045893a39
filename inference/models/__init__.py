from inference.models.drawing import Drawing
from inference.models.model_version import ModelVersion, Promotion
from inference.models.reading import DrawingReading
from inference.models.review import Review, ReviewHold
from inference.models.share_link import ShareLink
from inference.models.snapshot import DatasetDrawing, Snapshot

__all__ = [
    "DatasetDrawing",
    "Drawing",
    "DrawingReading",
    "ModelVersion",
    "Promotion",
    "Review",
    "ReviewHold",
    "ShareLink",
    "Snapshot",
]
