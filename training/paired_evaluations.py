"""Two evaluations of the same split as one comparison."""

from training.ml.comparison import Comparison, compare_mistakes
from training.models import Evaluation


def compare_evaluations(before: Evaluation, after: Evaluation) -> Comparison:
    """What the second model's answers repaired and broke; both evaluations are done.

    From the rows of mistakes: no array is read. Raises ValueError for different splits.
    """
    if (before.dataset_id, before.split) != (after.dataset_id, after.split):
        raise ValueError(f"{before} and {after} are of different images")
    return compare_mistakes(
        [sum(row) for row in before.confusion],
        *(
            dict(evaluation.misclassifications.values_list("index", "true_label"))
            for evaluation in (before, after)
        ),
    )
