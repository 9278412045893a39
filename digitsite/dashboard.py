"""What the dashboard shows, read from training and inference in one place."""

from dataclasses import dataclass

from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from inference import rounds as inference_rounds
from inference import selectors as inference_selectors
from inference.models import ModelVersion, Promotion
from inference.review_queue import drawings_to_review
from training import run_listing
from training import selectors as training_selectors
from training.models import Evaluation, TrainingRun

Status = TrainingRun.Status
QUEUE_SHOWN = 5
RUNS_SHOWN = 6
DRAWINGS_SHOWN = 14


@dataclass(frozen=True)
class Running:
    run: TrainingRun
    share: float  # of all epochs, 0..1
    eta_seconds: float | None

    @property
    def share_percent(self) -> int:
        return round(100 * self.share)


@dataclass(frozen=True)
class Waiting:
    run: TrainingRun
    position: int  # 1 starts next
    start_in_seconds: float | None


@dataclass(frozen=True)
class Queue:
    running: list[Running]
    waiting: list[Waiting]
    waiting_count: int
    workers: int | None  # None: Redis does not answer, so nobody knows

    @property
    def is_busy(self) -> bool:
        return bool(self.running or self.waiting_count)

    @property
    def more_waiting(self) -> int:
        return self.waiting_count - len(self.waiting)


@dataclass(frozen=True)
class Production:
    promotion: Promotion
    evaluation: Evaluation | None
    misread: list[dict]  # [{"digit", "count", "share" of the worst digit's count}]

    @property
    def version(self) -> ModelVersion:
        return self.promotion.model

    @property
    def misread_total(self) -> int:
        return sum(row["count"] for row in self.misread)


def queue() -> Queue:
    """Runs that train or wait, with how far they are and when they start."""
    running = TrainingRun.objects.filter(status=Status.RUNNING).select_related("owner")
    order = training_selectors.queue_order()
    shown = TrainingRun.objects.select_related("owner").in_bulk(order[:QUEUE_SHOWN])
    estimates = training_selectors.queue_estimates()
    return Queue(
        running=[
            Running(run, _share_done(run), training_selectors.eta_seconds(run))
            for run in running.order_by("started_at", "pk")
        ],
        waiting=[
            Waiting(shown[pk], position, estimates[pk].start if pk in estimates else None)
            for position, pk in enumerate(order[:QUEUE_SHOWN], start=1)
            if pk in shown  # cancelled or claimed between the two queries
        ],
        waiting_count=len(order),
        workers=training_selectors.live_train_workers(),
    )


def _share_done(run: TrainingRun) -> float:
    now = run.progress
    epochs = now["epoch"] + now["batch"] / now["batches"] if "epoch" in now else run.epochs_done
    return min(1.0, max(run.epochs_done, epochs) / run.epochs)


def production() -> Production | None:
    promotion = (
        inference_selectors.promotions()
        .select_related("model__run__dataset", "promoted_by")
        .first()
    )
    if promotion is None:
        return None
    evaluation = inference_selectors.headline_evaluation(promotion.model)
    return Production(promotion, evaluation, misread_by_digit(evaluation))


def misread_by_digit(evaluation: Evaluation | None) -> list[dict]:
    """How many images of each true digit were read as another; [] when not evaluated."""
    if evaluation is None or not evaluation.confusion:
        return []
    counts = [sum(row) - row[digit] for digit, row in enumerate(evaluation.confusion)]
    worst = max(counts) or 1
    return [
        {"digit": digit, "count": count, "share": count / worst}
        for digit, count in enumerate(counts)
    ]


def dashboard(person: User) -> dict:
    """Context of dashboard.html; of people's drawings only what this person may see."""
    own = inference_selectors.drawings_of(person)
    newest = ModelVersion.objects.order_by("-number").first()
    rounds = inference_rounds.rounds()
    return {
        "rounds": rounds,
        "rounds_figure": inference_rounds.figure(rounds, small=True),
        "rounds_summary": inference_rounds.summary(rounds),
        "production": production(),
        "newest_version": newest,
        "queue": queue(),
        "finished_runs": run_listing.listed(run_listing.Filter())
        .filter(status__in=TrainingRun.FINAL)
        .order_by("-finished_at", "-pk")[:RUNS_SHOWN],
        "drawings": own[:DRAWINGS_SHOWN],
        "tally": inference_selectors.tally(own),
        "to_review": drawings_to_review() if person.can(Capability.REVIEW) else 0,
        "dataset": training_selectors.default_dataset(),
    }
