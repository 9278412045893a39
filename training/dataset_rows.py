"""Reading datasets for their pages."""

from django.db.models import Count, QuerySet

from training.charts import in_order
from training.models import Dataset


def listed_datasets() -> QuerySet[Dataset]:
    """Newest first, each with `run_count`."""
    return Dataset.objects.annotate(run_count=Count("runs")).order_by("-created_at", "-pk")


def class_rows(dataset: Dataset) -> list[dict]:
    """[{"split", "total", "classes": [{"digit", "count", "share"}]}], without empty splits.

    share is of the fullest class, 0..1, for a bar's length.
    """
    rows = []
    for split, counts in in_order(dataset.class_counts):
        if not any(counts):
            continue
        rows.append(
            {
                "split": split,
                "total": sum(counts),
                "classes": [
                    {"digit": digit, "count": count, "share": count / max(counts)}
                    for digit, count in enumerate(counts)
                ],
            }
        )
    return rows
