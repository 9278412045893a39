"""What the Agreement page shows: blind verdicts on the same item, compared two by two."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, groupby

from digitsite.accounts.models import User
from inference.agreement import Agreement, agreement, named_by_either, of_class
from inference.models import Review
from inference.settlement import Row, Verdict, blind

ROWS_READ = 50_000
"""Only the newest so many verdicts are compared, so that the page stays quick."""

WORDS = (*map(str, range(10)), "ambiguous", "reject", "label_wrong")
WORD_NAMES = {"ambiguous": "Ambiguous", "reject": "Rejected", "label_wrong": "Not its label"}

Pair = tuple[int, int]  # keys of two reviewers, the lower first


@dataclass(frozen=True)
class PairRow:
    pair: str
    first: str
    second: str
    figures: Agreement


@dataclass(frozen=True)
class ClassRow:
    name: str
    named: int  # items that at least one of the two gave this answer
    figures: Agreement


@dataclass(frozen=True)
class Compared:
    """Answers of every pair of reviewers on the items that both judged blind."""

    answers: dict[Pair, list[tuple[str, str]]]
    is_cut: bool  # there are older verdicts that were not read

    def pooled(self, pair: Pair | None = None) -> list[tuple[str, str]]:
        if pair is not None:
            return self.answers.get(pair, [])
        return [both for answers in self.answers.values() for both in answers]


def compared() -> Compared:
    """From the newest ROWS_READ verdicts. A reviewer's last blind answer on an item counts; what
    was withdrawn or decided by an administrator does not."""
    newest = Review.objects.order_by("-id").values_list("id", flat=True)
    oldest_read = newest[ROWS_READ - 1 : ROWS_READ].first()
    rows = Review.objects.select_related("misclassification").defer(
        "misclassification__confidence", "created_at"
    )
    if oldest_read is not None:
        rows = rows.filter(id__gte=oldest_read)
    ordered = sorted(rows, key=lambda row: (row.drawing_id or 0, row.misclassification_id or 0))
    answers: dict[Pair, list[tuple[str, str]]] = defaultdict(list)
    for _, group in groupby(ordered, lambda row: (row.drawing_id, row.misclassification_id)):
        given = sorted(blind(sorted(group, key=lambda row: row.id)), key=lambda r: r.reviewer_id)
        for one, other in combinations(given, 2):
            answers[one.reviewer_id, other.reviewer_id].append((_word(one), _word(other)))
    return Compared(dict(answers), oldest_read is not None and newest.count() > ROWS_READ)


def pair_rows(found: Compared) -> list[PairRow]:
    """Those with most items in common first."""
    names = dict(
        User.objects.filter(pk__in={key for pair in found.answers for key in pair}).values_list(
            "pk", "username"
        )
    )
    rows = [
        PairRow(f"{a}-{b}", names[a], names[b], agreement(answers))
        for (a, b), answers in found.answers.items()
    ]
    return sorted(rows, key=lambda row: (-row.figures.count, row.first, row.second))


def class_rows(answers: list[tuple[str, str]]) -> list[ClassRow]:
    """One for each answer that anybody gave."""
    rows = []
    for word in WORDS:
        named = named_by_either(answers, word)
        if named:
            rows.append(ClassRow(WORD_NAMES.get(word, word), named, of_class(answers, word)))
    return rows


def pair_of(text: str) -> Pair | None:
    """ "3-5" -> (3, 5); None for anything else."""
    first, _, second = text.partition("-")
    if first.isdecimal() and second.isdecimal() and len(text) < 40:
        return int(first), int(second)
    return None


def _word(row: Row) -> str:
    """Which digit a verdict says it is, or why it says none."""
    if row.label is not None:
        return str(row.label)
    if row.verdict == Verdict.MODEL_ERROR:
        return str(row.misclassification.true_label)
    return str(row.verdict)
