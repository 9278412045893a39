"""Two models on the same split: what the page of the comparison shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.core.paginator import Page, Paginator

from inference.models import ModelVersion
from inference.promotion_gate import ALPHA, mnist, p_words
from training.confusion import stored_probabilities
from training.ml.comparison import Comparison
from training.models import Dataset, Evaluation, Misclassification
from training.paired_evaluations import compare_evaluations

IMAGES_PER_PAGE = 60
GROUPS = {
    "fixed": "Fixed",
    "broken": "Broken",
    "both_wrong": "Both wrong",
}


@dataclass(frozen=True)
class Said:
    """A model's answer to one image; the confidence is None where the file of them is gone."""

    evaluation: int
    label: int
    confidence: float | None
    right: bool


@dataclass(frozen=True)
class Image:
    index: int
    true: int
    before: Said
    after: Said

    @property
    def mistaken(self) -> Said:
        """The answer that wants to be looked into: the second model's, unless it is right."""
        return self.before if self.after.right else self.after


@dataclass(frozen=True)
class Pair:
    """Two models and their evaluations of a split, as far as they are there."""

    before: ModelVersion
    after: ModelVersion
    dataset: Dataset
    split: str
    evaluations: tuple[Evaluation | None, Evaluation | None]

    @property
    def missing(self) -> list[ModelVersion]:
        """Models that nobody has asked to be judged, or whose evaluation failed."""
        failed = Evaluation.Status.FAILED
        return [
            model
            for model, row in zip((self.before, self.after), self.evaluations, strict=True)
            if row is None or row.status == failed
        ]

    @property
    def problems(self) -> list[str]:
        return [row.error for row in self.evaluations if row is not None and row.error]

    @property
    def is_pending(self) -> bool:
        pending = Evaluation.Status.PENDING
        return any(row is not None and row.status == pending for row in self.evaluations)

    @property
    def is_done(self) -> bool:
        return not self.missing and not self.is_pending


def pair(before: ModelVersion, after: ModelVersion, dataset: Dataset, split: str) -> Pair:
    found = {
        row.run_id: row
        for row in Evaluation.objects.select_related("dataset").filter(
            run__in=(before.run_id, after.run_id), dataset=dataset, split=split
        )
    }
    return Pair(before, after, dataset, split, (found.get(before.run_id), found.get(after.run_id)))


def compared(pair: Pair) -> Comparison:
    """Of a pair that is done."""
    return compare_evaluations(*pair.evaluations)


def verdict(pair: Pair, found: Comparison) -> str:
    """The comparison in a sentence that does not say more than the figures do."""
    if found.is_better(ALPHA):
        words = f"{pair.after} is significantly better than {pair.before}"
    elif found.is_worse(ALPHA):
        words = f"{pair.after} is significantly worse than {pair.before}"
    elif found.fixed or found.broken:
        words = "The difference may be chance"
    else:
        words = "Both give a right answer to the same images"
    return f"{words}: {p_words(found.p)} (McNemar, exact, two-sided)."


def images(pair: Pair, found: Comparison, group: str, page: str | None) -> Page:
    """One page of a group of GROUPS, as Image rows."""
    paginator = Paginator(_Lazy(pair, getattr(found, group)), IMAGES_PER_PAGE)
    return paginator.get_page(page)


class _Lazy(Sequence):
    """Reads the answers of the images that are shown, and of no others."""

    def __init__(self, pair: Pair, indices: list[int]) -> None:
        self._pair, self._indices = pair, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, part: slice) -> list[Image]:
        indices = self._indices[part]
        before, after = (_answers(row, indices) for row in self._pair.evaluations)
        mistakes = Misclassification.objects.filter(
            evaluation__in=self._pair.evaluations, index__in=indices
        )
        truth = dict(mistakes.values_list("index", "true_label"))
        return [
            Image(index, truth[index], before(index, truth[index]), after(index, truth[index]))
            for index in indices
        ]


def _answers(evaluation: Evaluation, indices: list[int]) -> Callable[[int, int], Said]:
    """What a model says of an image whose true digit is known."""
    wrong = dict(
        evaluation.misclassifications.filter(index__in=indices).values_list(
            "index", "predicted_label"
        )
    )
    probabilities = stored_probabilities(evaluation)

    def said(index: int, true: int) -> Said:
        label = wrong.get(index, true)
        confidence = None if probabilities is None else float(probabilities[index, label])
        return Said(evaluation.pk, label, confidence, label == true)

    return said


def default_split(*models: ModelVersion) -> tuple[Dataset, str]:
    """MNIST's test split; without MNIST that of the first model's own dataset."""
    return mnist() or models[0].run.dataset, "test"
