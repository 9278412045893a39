"""From settled drawings to the next dataset: one of drawings alone, and one mixed with MNIST."""

import logging
from datetime import datetime, timedelta

import numpy as np
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from digitsite.accounts.models import User
from inference import snapshot_contents
from inference.models import DatasetDrawing, Drawing, Snapshot
from inference.services.judging import request_for_rounds
from inference.snapshot_contents import Images
from inference.snapshot_leaks import WHY, Apart, keep_apart
from training import wakeups
from training.ml.digits import Digits
from training.ml.mixing import DEFAULT_SMALL_SHARE, mix
from training.models import Dataset
from training.services.datasets import DatasetUnreadable, add_dataset, store_content

logger = logging.getLogger(__name__)

DEFAULT_NAME = "Drawings"
NAME_MAX = 60
LICENCE = "Drawn by the people of this site"

MOST_ATTEMPTS = 3
PATIENCE = timedelta(minutes=5)
"""After this long an attempt counts as dead: its worker was killed."""
UNHEARD = timedelta(seconds=15)
"""After this long without an attempt, the wake-up counts as lost."""

Split = DatasetDrawing.Split
Status = Snapshot.Status


class SnapshotError(Exception):
    """No dataset can be made of the drawings. The message is a sentence for people."""


def snapshot_drawings(
    by: User | None, *, mnist_share: float = 1 - DEFAULT_SMALL_SHARE, name: str = DEFAULT_NAME
) -> Snapshot:
    """Make the datasets here and now; `snapshot.drawings` and `snapshot.mixed` are what came out.

    See `request_snapshot`, which leaves the work to a worker. Raises SnapshotError.
    """
    snapshot = _new(by, mnist_share, name)
    make_snapshot(snapshot.pk)
    snapshot.refresh_from_db()
    if snapshot.status == Status.FAILED:
        raise SnapshotError(snapshot.error)
    return snapshot


@transaction.atomic
def request_snapshot(
    by: User | None, *, mnist_share: float = 1 - DEFAULT_SMALL_SHARE, name: str = DEFAULT_NAME
) -> Snapshot:
    """Ask a worker for datasets of the settled drawings.

    mnist_share: what share of the mixed training split MNIST makes up, 0..1. The same content as in
    an earlier snapshot gives the same datasets again. Raises SnapshotError when nothing is settled
    or an argument is out of range.
    """
    snapshot = _new(by, mnist_share, name)
    transaction.on_commit(lambda: _wake(snapshot.pk))
    return snapshot


def make_snapshot(snapshot_id: int) -> None:
    """Do what was asked; nothing if it is done or being done. Safe to repeat.

    A failure is recorded in its row; one that nobody foresaw is raised, too.
    """
    now = timezone.now()
    mine = (
        Snapshot.objects.filter(pk=snapshot_id, status=Status.PENDING)
        .filter(Q(started_at=None) | Q(started_at__lt=now - PATIENCE))
        .update(started_at=now, attempts=F("attempts") + 1)
    )
    if not mine:
        return
    snapshot = Snapshot.objects.get(pk=snapshot_id)
    try:
        _make(snapshot)
    except (SnapshotError, DatasetUnreadable) as error:
        _fail(snapshot_id, str(error))
    except Exception as error:
        _fail(snapshot_id, f"Making the dataset stopped with an error ({type(error).__name__}).")
        raise


def wake_forgotten(sender: object, now: datetime, **kwargs) -> None:
    """Receiver of training.signals.keeper_ticked: wake-ups that got lost, workers that died."""
    waiting = Snapshot.objects.filter(status=Status.PENDING).filter(
        Q(started_at=None, created_at__lt=now - UNHEARD) | Q(started_at__lt=now - PATIENCE)
    )
    for snapshot in waiting:
        if snapshot.attempts >= MOST_ATTEMPTS:
            _fail(snapshot.pk, f"The worker died {snapshot.attempts} times while making it.")
        elif wakeups.waiting(wakeups.DEFAULT_QUEUE) != 0 or not _wake(snapshot.pk):
            return


def _new(by: User | None, mnist_share: float, name: str) -> Snapshot:
    name = name.strip()
    if not 1 <= len(name) <= NAME_MAX:
        raise SnapshotError(f"A name has 1 to {NAME_MAX} characters, got {len(name)}.")
    if not 0 <= mnist_share < 1:
        raise SnapshotError(f"MNIST's share is at least 0 and below 1, got {mnist_share:g}.")
    if Dataset.objects.filter(name__in=(name, _mixed_name(name))).exclude(kind__in=_OURS).exists():
        raise SnapshotError(f"There is another dataset called {name}: choose another name.")
    if not (snapshot_contents.for_training().exists() or snapshot_contents.for_judging().exists()):
        raise SnapshotError(
            "No drawing is settled yet: let people draw, then confirm or correct under Review."
        )
    return Snapshot.objects.create(asked_by=by, mnist_share=mnist_share, name=name)


_OURS = (Dataset.Kind.DRAWINGS, Dataset.Kind.MIXED)


def _mixed_name(name: str) -> str:
    return f"{name} + MNIST"


def _wake(snapshot_id: int) -> bool:
    return wakeups.wake_default("inference.tasks.make_snapshot", snapshot_id)


def _fail(snapshot_id: int, sentence: str) -> None:
    Snapshot.objects.filter(pk=snapshot_id, status=Status.PENDING).update(
        status=Status.FAILED, error=sentence[:500], finished_at=timezone.now()
    )
    logger.warning("event=snapshot-failed snapshot=%d reason=%s", snapshot_id, sentence)


def _make(snapshot: Snapshot) -> None:
    training = snapshot_contents.read_images(snapshot_contents.for_training())
    judging = snapshot_contents.read_images(snapshot_contents.for_judging())
    if not len(training.drawings) and not len(judging.drawings):
        raise SnapshotError("No drawing that is settled can be read.")
    mnist = Dataset.objects.filter(kind=Dataset.Kind.MNIST).order_by("-pk").first()
    apart = keep_apart(training, judging, mnist)
    pure, training = apart.drawings, apart.training
    if not len(pure.train_labels) and not len(pure.test_labels):
        raise SnapshotError("Every drawing is in a split that models are judged by already.")
    mixture = None
    if apart.mnist is not None:
        mixture = mix(apart.mnist, pure, large_share=snapshot.mnist_share)
    store_content(pure)
    if mixture:
        store_content(mixture.digits)
    report = _report(apart, judging)

    with transaction.atomic():
        _check_still_apart(training, judging)
        drawings, is_new = _add(
            pure, snapshot, parents=_former(snapshot.name), report={"leaks": apart.report}
        )
        report["is_new"] = is_new
        if is_new:
            _record(drawings, Split.TRAIN, training.drawings)
            _record(drawings, Split.TEST, judging.drawings)
        mixed = None
        if mixture:
            mixed, mixed_is_new = _add(
                mixture.digits,
                snapshot,
                parents=[mnist, drawings],
                report={"leaks": apart.mnist_report},
                share=mixture.share,
            )
            report |= {
                "mixed_is_new": mixed_is_new,
                "share": mixture.share,
                "copies": len(mixture.sources) / len(training.drawings),
            }
            if mixed_is_new:
                first = len(mixture.digits.train_labels) - len(mixture.sources)
                _record(mixed, Split.TRAIN, training.drawings[mixture.sources], first=first)
        Snapshot.objects.filter(pk=snapshot.pk).update(
            status=Status.DONE,
            drawings=drawings,
            mixed=mixed,
            report=report,
            finished_at=timezone.now(),
        )
        if is_new and len(judging.drawings):
            request_for_rounds(by=snapshot.asked_by)
    logger.info(
        "event=snapshot-made snapshot=%d drawings=%s mixed=%s", snapshot.pk, drawings, mixed
    )


def _check_still_apart(training: Images, judging: Images) -> None:
    """Another snapshot may have been made since these were read."""
    for numbers, other in ((training.drawings, Split.TEST), (judging.drawings, Split.TRAIN)):
        rows = DatasetDrawing.objects.filter(split=other).values_list("drawing_id", flat=True)
        if np.isin(numbers, np.fromiter(rows.distinct(), dtype=np.int64)).any():
            raise SnapshotError("The drawings changed sides meanwhile. Ask again.")


def _add(
    digits: Digits,
    snapshot: Snapshot,
    *,
    parents: list[Dataset],
    report: dict,
    share: float | None = None,
) -> tuple[Dataset, bool]:
    """The dataset of this content, and whether it was made just now."""
    existing = Dataset.objects.filter(digest=digits.digest).first()
    if existing:
        return existing, False
    is_mixed = share is not None
    try:
        dataset = add_dataset(
            digits,
            name=_mixed_name(snapshot.name) if is_mixed else snapshot.name,
            kind=Dataset.Kind.MIXED if is_mixed else Dataset.Kind.DRAWINGS,
            source=f"Settled drawings, {share:.0%} of the training split, and {parents[0]}"
            if is_mixed
            else "Settled drawings of this site",
            licence=f"{LICENCE}; {parents[0].licence}" if is_mixed else LICENCE,
            parents=parents,
            report=report,
            created_by=snapshot.asked_by,
        )
    except IntegrityError as error:
        raise SnapshotError(
            "Somebody else made a dataset at the same moment. Ask again."
        ) from error
    return dataset, True


def _former(name: str) -> list[Dataset]:
    newest = snapshot_contents.newest_drawings(name)
    return [newest] if newest else []


def _record(dataset: Dataset, split: Split, drawings: np.ndarray, *, first: int = 0) -> None:
    """One row an image, the first at position `first` of the split."""
    DatasetDrawing.objects.bulk_create(
        (
            DatasetDrawing(dataset=dataset, drawing_id=number, split=split, index=index)
            for index, number in enumerate(drawings.tolist(), start=first)
        ),
        batch_size=2000,
    )


def _report(apart: Apart, judging: Images) -> dict:
    """What went in and what was left out, for the page; see docs/learning-loop.md."""
    training = apart.training
    left_out = training.unreadable | judging.unreadable | dict.fromkeys(apart.left_out, WHY)
    return {
        "training": len(training.drawings),
        "judging": len(judging.drawings),
        "training_people": _people(training.drawings),
        "judging_people": _people(judging.drawings),
        "redrawn": training.redrawn + judging.redrawn,
        "left_out": [{"drawing": pk, "why": why} for pk, why in sorted(left_out.items())],
        "mnist_left_out": sum(apart.mnist_report.get(kind, 0) for kind in ("exact", "near")),
    }


def _people(numbers: np.ndarray) -> int:
    people: set[tuple] = set()
    for start in range(0, len(numbers), 500):
        some = numbers[start : start + 500].tolist()
        people.update(Drawing.objects.filter(pk__in=some).values_list("author", "share_link"))
    return len(people)
