from training.models.analysis import Analysis
from training.models.dataset import Dataset
from training.models.dataset_upload import DatasetUpload
from training.models.evaluation import Evaluation, Misclassification
from training.models.run import EpochMetric, RunEvent, TrainingRun
from training.models.sweep import Sweep

__all__ = [
    "Analysis",
    "Dataset",
    "DatasetUpload",
    "EpochMetric",
    "Evaluation",
    "Misclassification",
    "RunEvent",
    "Sweep",
    "TrainingRun",
]
