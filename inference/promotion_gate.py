"""The promotion gate: may this model take over from the one that serves?

Reads and judges; what is missing is asked for by inference.services.judging. docs/promotion.md
tells people the same rules.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from django.utils import timezone

from inference.model_files import FORMATS
from inference.models import ModelVersion, Promotion
from training.ml.comparison import Comparison, DigitComparison
from training.models import Dataset, Evaluation
from training.paired_evaluations import compare_evaluations

ALPHA = 0.05
"""Two-sided level of each paired test: of the whole split, and of its ten digits together."""

MIN_DRAWINGS = 50
"""Fewer frozen drawings cannot tell two models apart, so they are not asked."""

MAX_ECE_RISE = 0.01
"""A calibration error that rises by more than this share is warned of."""

IMAGES_KEPT = 60
"""Broken images that the report names; the page of the comparison has them all."""


class Verdict(StrEnum):
    PASSED = "passed"
    BLOCKED = "blocked"
    WAITING = "waiting"
    FIRST = "first"  # nothing serves yet
    SERVED_BEFORE = "served_before"  # a roll-back

    @property
    def lets_pass(self) -> bool:
        return self not in (Verdict.BLOCKED, Verdict.WAITING)


class State(StrEnum):
    PASSED = "passed"
    WARNING = "warning"
    BLOCKED = "blocked"
    PENDING = "pending"  # a worker is at it
    MISSING = "missing"  # nobody has asked for the evaluation
    FAILED = "failed"  # the evaluation did
    SKIPPED = "skipped"  # there is nothing to judge by


UNDECIDED = (State.PENDING, State.MISSING, State.FAILED)


@dataclass(frozen=True)
class Check:
    """One question and its answer, as a sentence for people."""

    key: str
    title: str
    state: State
    sentence: str


@dataclass(frozen=True)
class Split:
    """A split that both models have answered: production is `before`, the candidate `after`."""

    key: str
    dataset: int
    name: str
    digest: str
    images: int
    evaluations: dict[str, int]
    before: dict[str, float]
    after: dict[str, float]
    difference: dict[str, float]
    p: float
    fixed: int
    broken: int
    both_wrong: int
    both_right: int
    ece: dict[str, float | None]
    fallen_digits: list[int]
    broken_images: list[int]


@dataclass(frozen=True)
class GateReport:
    verdict: Verdict
    candidate: int
    production: int | None
    note: str
    checks: list[Check]
    splits: list[Split]
    alpha: float = ALPHA
    min_drawings: int = MIN_DRAWINGS
    max_ece_rise: float = MAX_ECE_RISE
    made_at: str = field(default_factory=lambda: timezone.now().isoformat(timespec="seconds"))

    @property
    def reasons(self) -> list[str]:
        """Why it is blocked or has to wait, a sentence each."""
        if self.verdict == Verdict.BLOCKED:
            states: tuple[State, ...] = (State.BLOCKED,)
        elif self.verdict == Verdict.WAITING:
            states = UNDECIDED
        else:
            return []
        return [check.sentence for check in self.checks if check.state in states]

    @property
    def is_pending(self) -> bool:
        """Whether it will change by itself, as soon as a worker is done."""
        return any(check.state == State.PENDING for check in self.checks)

    @property
    def can_be_asked(self) -> bool:
        """Whether something is missing that nobody works on."""
        return any(check.state in (State.MISSING, State.FAILED) for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON: what is kept in the history, and what the pages show."""
        return asdict(self) | {"reasons": self.reasons}


def mnist() -> Dataset | None:
    return Dataset.objects.filter(kind=Dataset.Kind.MNIST, test_count__gt=0).first()


def frozen_drawings() -> Dataset | None:
    """The newest dataset of drawings that has some of the holdout authors."""
    drawings = Dataset.objects.filter(kind=Dataset.Kind.DRAWINGS, test_count__gt=0)
    return drawings.order_by("-id").first()


def judged_on(production: ModelVersion | None) -> dict[str, Dataset]:
    """The datasets whose test splits the gate looks at: {"mnist": ..., "drawings": ...}.

    On a site without MNIST, the dataset that the production model learned from stands in for it.
    """
    known = mnist()
    if known is None and production is not None and production.run.dataset.test_count:
        known = production.run.dataset
    drawings = frozen_drawings()
    if drawings is not None and drawings.test_count < MIN_DRAWINGS:
        drawings = None
    return {key: dataset for key, dataset in (("mnist", known), ("drawings", drawings)) if dataset}


def gate_report(candidate: ModelVersion, production: ModelVersion | None) -> GateReport:
    """All that the site knows now about letting `candidate` take over from `production`."""
    if production is None:
        proof = _export_check(candidate, otherwise=State.WARNING)
        note = f"{candidate} is the first model to serve, so there is nothing to compare it with."
        return GateReport(Verdict.FIRST, candidate.number, None, note, [proof], [])
    checks, splits = _compared(candidate, production)
    checks.append(_export_check(candidate, otherwise=State.BLOCKED))
    note = ""
    states = {check.state for check in checks}
    if Promotion.objects.filter(model=candidate).exists():
        verdict = Verdict.SERVED_BEFORE
        note = (
            f"{candidate} has served before, so going back to it skips the gate. "
            "What is known of it is shown for information."
        )
        checks = [check for check in checks if check.state not in UNDECIDED]
    elif State.BLOCKED in states:
        verdict = Verdict.BLOCKED
    elif states & set(UNDECIDED):
        verdict = Verdict.WAITING
    else:
        verdict = Verdict.PASSED
    return GateReport(verdict, candidate.number, production.number, note, checks, splits)


# --- the checks ---------------------------------------------------------------------------------


def _compared(candidate: ModelVersion, production: ModelVersion) -> tuple[list[Check], list[Split]]:
    datasets = judged_on(production)
    evaluations = {
        (row.run_id, row.dataset_id): row
        for row in Evaluation.objects.filter(
            run__in=(candidate.run_id, production.run_id),
            dataset__in=datasets.values(),
            split="test",
        )
    }
    checks: list[Check] = []
    splits: list[Split] = []
    for key in ("mnist", "drawings"):
        dataset = datasets.get(key)
        if dataset is None:
            checks.append(_nothing_to_judge_by(key))
            continue
        pair = [evaluations.get((model.run_id, dataset.pk)) for model in (production, candidate)]
        unfinished = _unfinished(key, dataset, zip((production, candidate), pair, strict=True))
        if unfinished:
            checks.append(unfinished)
            continue
        before, after = pair
        comparison = compare_evaluations(before, after)
        checks += [
            _accuracy_check(key, dataset, candidate, production, comparison),
            _digits_check(key, dataset, comparison),
            _calibration_check(key, dataset, before, after),
        ]
        splits.append(_split(key, dataset, before, after, comparison))
    return checks, splits


def _nothing_to_judge_by(key: str) -> Check:
    if key == "mnist":
        sentence = "MNIST has not been imported here, so no known digits judge the model."
        return Check(key, "MNIST", State.SKIPPED, sentence)
    newest = frozen_drawings()
    if newest is None:
        sentence = "There are no frozen drawings yet, so people's own pens do not judge the model."
    else:
        sentence = (
            f"{newest} has {newest.test_count} frozen drawing{'s' * (newest.test_count != 1)}, too "
            f"few to tell two models apart: at least {MIN_DRAWINGS} are needed. They do not judge."
        )
    return Check(key, "People's drawings", State.SKIPPED, sentence)


def _unfinished(key: str, dataset: Dataset, answers) -> Check | None:
    """The check that stands for evaluations that are not done; None if all are."""
    status = Evaluation.Status
    worst: tuple[State, str] | None = None
    for model, evaluation in answers:
        if evaluation is None:
            found = State.MISSING, f"{model} has not been judged on {dataset} yet."
        elif evaluation.status == status.FAILED:
            found = State.FAILED, f"{model} could not be judged on {dataset}. {evaluation.error}"
        elif evaluation.status != status.DONE:
            found = State.PENDING, f"{model} is being judged on {dataset}."
        else:
            continue
        if worst is None or found[0] != State.PENDING:
            worst = found
    return Check(key, _title(key, dataset), *worst) if worst else None


def _accuracy_check(
    key: str,
    dataset: Dataset,
    candidate: ModelVersion,
    production: ModelVersion,
    found: Comparison,
) -> Check:
    fixed, broken = len(found.fixed), len(found.broken)
    figures = (
        f"of {found.count:,} test images it repairs {fixed:,} and breaks {broken:,} "
        f"({p_words(found.p)})"
    )
    if found.is_worse(ALPHA):
        state, word = State.BLOCKED, "significantly worse than"
    else:
        state = State.PASSED
        word = (
            "significantly better than"
            if found.is_better(ALPHA)
            else "not significantly worse than"
        )
    sentence = f"On {dataset}, {candidate} is {word} {production}: {figures}."
    return Check(key, _title(key, dataset), state, sentence)


def _digits_check(key: str, dataset: Dataset, found: Comparison) -> Check:
    title = f"{_title(key, dataset)}, digit by digit"
    fallen = found.fallen_digits(ALPHA)
    if not fallen:
        sentence = f"No digit of {dataset} is read significantly worse."
        return Check(f"{key}_digits", title, State.PASSED, sentence)
    told = "; ".join(map(_fall, fallen))
    sentence = f"On {dataset}, single digits are read significantly worse: {told}."
    return Check(f"{key}_digits", title, State.BLOCKED, sentence)


def _fall(row: DigitComparison) -> str:
    return (
        f"the recall of {row.digit} falls from {percent(row.before.value)} "
        f"to {percent(row.after.value)} ({p_words(row.p)})"
    )


def _calibration_check(key: str, dataset: Dataset, before: Evaluation, after: Evaluation) -> Check:
    then, now = _ece(before), _ece(after)
    title = f"{_title(key, dataset)}, calibration"
    if then is None or now is None:
        sentence = f"The calibration error on {dataset} is not known."
        return Check(f"{key}_calibration", title, State.SKIPPED, sentence)
    figures = f"from {percent(then, 2)} to {percent(now, 2)}"
    if now - then > MAX_ECE_RISE:
        sentence = (
            f"On {dataset}, the calibration error rises {figures}: "
            "what it says about its own confidence is to be trusted less."
        )
        return Check(f"{key}_calibration", title, State.WARNING, sentence)
    sentence = f"On {dataset}, the calibration error goes {figures}."
    return Check(f"{key}_calibration", title, State.PASSED, sentence)


def _export_check(candidate: ModelVersion, *, otherwise: State) -> Check:
    proof = candidate.run.export_proof
    differing = [
        f"the {about.title} file gives the trained model's label on {_agreement(agreement)}"
        for format, about in FORMATS.items()
        if format in candidate.run.artifacts
        and (agreement := proof.get(f"{format}_label_agreement")) != 1
    ]
    if differing:
        sentence = f"The exported files are not proven: {'; '.join(differing)}. All must agree."
        return Check("export", "Export proof", otherwise, sentence)
    sentence = (
        "Every exported file gives the trained model's label "
        f"on all {proof.get('images', 0):,} test images."
    )
    return Check("export", "Export proof", State.PASSED, sentence)


def _agreement(share: float | None) -> str:
    return "no known share of the test images" if share is None else f"{percent(share, 2)} of them"


def _split(
    key: str, dataset: Dataset, before: Evaluation, after: Evaluation, found: Comparison
) -> Split:
    return Split(
        key=key,
        dataset=dataset.pk,
        name=str(dataset),
        digest=dataset.digest,
        images=found.count,
        evaluations={"before": before.pk, "after": after.pk},
        before=asdict(found.before),
        after=asdict(found.after),
        difference=asdict(found.difference),
        p=found.p,
        fixed=len(found.fixed),
        broken=len(found.broken),
        both_wrong=len(found.both_wrong),
        both_right=found.both_right,
        ece={"before": _ece(before), "after": _ece(after)},
        fallen_digits=[row.digit for row in found.fallen_digits(ALPHA)],
        broken_images=found.broken[:IMAGES_KEPT],
    )


def _ece(evaluation: Evaluation) -> float | None:
    return (evaluation.calibration or {}).get("ece")


def _title(key: str, dataset: Dataset) -> str:
    return "People's drawings" if key == "drawings" else dataset.name


def percent(share: float, places: int = 1) -> str:
    return f"{100 * share:.{places}f}\u00a0%"


def p_words(p: float) -> str:
    """0.00001 -> "p < 0.0001"; few people want more digits."""
    words = "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}" if p < 0.01 else f"p = {p:.2f}"
    return words.replace(" ", "\u00a0")
