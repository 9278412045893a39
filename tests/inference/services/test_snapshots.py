"""From settled drawings to datasets: who goes where, for ever."""

from datetime import timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from digitsite.accounts.roles import Role
from inference import snapshot_contents, tasks
from inference.models import DatasetDrawing, Drawing, Snapshot
from inference.services import snapshots
from inference.services.snapshots import SnapshotError, request_snapshot, snapshot_drawings
from tests.factories import make_dataset, make_user
from tests.inference.rows import DIAGONAL, make_drawing
from training.ml.preprocess import CONTRACT_ID, strokes_to_image
from training.models import Dataset
from training.services.datasets import load_digits

pytestmark = pytest.mark.django_db

HOLDOUT = Drawing.Fold.HOLDOUT


def picture(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (28, 28)).astype(np.uint8)


def settled(number: int, label: int = 3, **fields) -> Drawing:
    """A drawing that reviewers settled, with an image of its own."""
    values = {
        "status": Drawing.Status.CONFIRMED,
        "settled_label": label,
        "image": picture(number).tobytes(),
        "contract_id": CONTRACT_ID,
    }
    return make_drawing(label, **values | fields)


@pytest.fixture
def mnist() -> Dataset:
    return make_dataset(5, train=90, test=30, name="MNIST", kind=Dataset.Kind.MNIST, licence="L")


def members(dataset: Dataset, split: str) -> list[int]:
    rows = DatasetDrawing.objects.filter(dataset=dataset, split=split).order_by("index")
    return list(rows.values_list("drawing_id", flat=True))


def test_pool_people_are_learned_from_and_holdout_people_judge():
    learned = [settled(1, 4), settled(2, 5, status=Drawing.Status.CORRECTED)]
    judged = settled(3, 6, fold=HOLDOUT)

    drawings = snapshot_drawings(None).drawings

    assert (drawings.name, drawings.version, drawings.kind) == ("Drawings", 1, "drawings")
    digits = load_digits(drawings)
    assert (digits.train_images == np.stack([picture(1), picture(2)])).all()
    assert digits.train_labels.tolist() == [4, 5]
    assert (digits.test_images == picture(3)[None]).all()
    assert digits.test_labels.tolist() == [6]
    assert members(drawings, "train") == [drawing.pk for drawing in learned]
    assert members(drawings, "test") == [judged.pk]


@pytest.mark.parametrize("status", ["pending", "ambiguous", "rejected"])
def test_only_what_reviewers_agree_on_goes_in(status):
    settled(1)
    settled(2, status=status, settled_label=None)
    assert snapshot_drawings(None).drawings.train_count == 1


def test_the_label_is_the_reviewers_not_the_authors():
    make_drawing(
        label=1, status="corrected", settled_label=7, image=bytes(784), contract_id=CONTRACT_ID
    )
    assert load_digits(snapshot_drawings(None).drawings).train_labels.tolist() == [7]


def test_the_mixture_has_mnist_then_the_pool_and_mnists_test_split(mnist):
    drawings = [settled(1), settled(2)]
    settled(3, fold=HOLDOUT)

    snapshot = snapshot_drawings(None, mnist_share=0.9)

    mixed = snapshot.mixed
    assert (mixed.name, mixed.kind, mixed.train_count) == ("Drawings + MNIST", "mixed", 100)
    assert set(mixed.parents.all()) == {mnist, snapshot.drawings}
    digits = load_digits(mixed)
    assert (digits.test_images == load_digits(mnist).test_images).all()
    assert (digits.train_images[90] == picture(1)).all()
    assert members(mixed, "train") == [drawing.pk for drawing in drawings] * 5
    rows = DatasetDrawing.objects.filter(dataset=mixed)
    assert list(rows.values_list("index", flat=True)) == list(range(90, 100))
    assert members(mixed, "test") == []
    assert snapshot.report["share"] == pytest.approx(0.1)
    assert snapshot.report["copies"] == 5


def test_nothing_new_is_the_same_dataset(mnist):
    settled(1)
    first, again = snapshot_drawings(None), snapshot_drawings(None)
    assert (again.drawings, again.mixed) == (first.drawings, first.mixed)
    assert first.report["is_new"]
    assert first.report["mixed_is_new"]
    assert not again.report["is_new"]
    assert not again.report["mixed_is_new"]
    assert DatasetDrawing.objects.filter(dataset=first.drawings).count() == 1


def test_a_new_drawing_makes_the_next_version_and_another_share_another_mixture(mnist):
    settled(1)
    first = snapshot_drawings(None)
    other_share = snapshot_drawings(None, mnist_share=0.9)
    settled(2)
    more = snapshot_drawings(None)
    assert other_share.drawings == first.drawings
    assert [first.drawings.version, more.drawings.version] == [1, 2]
    assert [s.mixed.version for s in (first, other_share, more)] == [1, 2, 3]
    assert list(more.drawings.parents.all()) == [first.drawings]


def test_what_has_judged_once_is_never_learned_from():
    judge = settled(1, fold=HOLDOUT)
    settled(2)
    first = snapshot_drawings(None)
    Drawing.objects.filter(pk=judge.pk).update(fold=Drawing.Fold.POOL)
    settled(3)

    later = snapshot_drawings(None)

    assert members(first.drawings, "test") == members(later.drawings, "test") == [judge.pk]
    assert judge.pk not in members(later.drawings, "train")


def test_what_has_been_learned_from_never_judges():
    learned = settled(1)
    settled(2, fold=HOLDOUT)
    snapshot_drawings(None)
    Drawing.objects.filter(pk=learned.pk).update(fold=HOLDOUT)
    settled(3)

    later = snapshot_drawings(None).drawings

    assert learned.pk not in members(later, "test")
    assert learned.pk not in members(later, "train")


def test_no_drawing_is_ever_on_both_sides(mnist):
    authors = [make_user(Role.DRAWER) for _ in range(4)]
    for round_number in range(3):
        for place, author in enumerate(authors):
            # Folds change under our hands, as an admin at the database might do.
            fold = HOLDOUT if (place + round_number) % 2 else Drawing.Fold.POOL
            Drawing.objects.filter(author=author).update(fold=fold)
            settled(10 * round_number + place, author=author, fold=fold)
        snapshot_drawings(None)
    sides = {
        split: set(DatasetDrawing.objects.filter(split=split).values_list("drawing", flat=True))
        for split in ("train", "test")
    }
    assert sides["train"]
    assert sides["test"]
    assert not sides["train"] & sides["test"]


def test_strokes_of_an_older_contract_are_drawn_anew():
    settled(1, contract_id="older-ink-0", strokes=DIAGONAL)
    snapshot = snapshot_drawings(None)
    assert (load_digits(snapshot.drawings).train_images[0] == strokes_to_image(DIAGONAL)).all()
    assert snapshot.report["redrawn"] == 1


def test_an_uploaded_picture_of_an_older_contract_stays_as_it_is():
    settled(1, contract_id="older-ink-0", strokes=[], origin=Drawing.Origin.UPLOAD)
    snapshot = snapshot_drawings(None)
    assert (load_digits(snapshot.drawings).train_images[0] == picture(1)).all()
    assert snapshot.report["redrawn"] == 0


def test_strokes_that_cannot_be_read_are_left_out_and_named():
    settled(1)
    broken = settled(2, contract_id="older-ink-0", strokes=[[[0.1, 1e9]]])
    snapshot = snapshot_drawings(None)
    assert snapshot.drawings.train_count == 1
    assert [item["drawing"] for item in snapshot.report["left_out"]] == [broken.pk]


def test_what_models_are_judged_by_is_left_out_of_training_and_named(mnist):
    seen = load_digits(mnist).test_images[4]
    settled(1, fold=HOLDOUT)
    copies = [
        settled(2, image=picture(1).tobytes()),  # of somebody's who judges
        settled(3, image=seen.tobytes()),  # of an image of MNIST's test split
        settled(4, image=np.roll(picture(1) // 2, 0).tobytes()),  # dimmed
    ]
    kept = settled(5)
    snapshot = snapshot_drawings(None, mnist_share=0.9)
    assert members(snapshot.drawings, "train") == [kept.pk]
    assert [item["drawing"] for item in snapshot.report["left_out"]] == [d.pk for d in copies]
    leaks = snapshot.drawings.report["leaks"]
    assert (leaks["exact"], leaks["near"]) == (2, 1)


def test_mnists_training_images_leave_too_when_people_are_judged_by_them(mnist):
    copied = load_digits(mnist).train_images[7]
    settled(1, fold=HOLDOUT, image=copied.tobytes(), origin=Drawing.Origin.UPLOAD, strokes=[])
    drawing = settled(2)
    mixed = snapshot_drawings(None, mnist_share=0.9).mixed
    digits = load_digits(mixed)
    assert not (digits.train_images == copied).all(axis=(1, 2)).any()
    assert mixed.report["leaks"]["exact"] == 1
    # Positions still say which drawing an image is.
    first = DatasetDrawing.objects.filter(dataset=mixed, drawing=drawing).order_by("index").first()
    assert (digits.train_images[first.index] == picture(2)).all()
    assert mixed.train_count == 89 + 10


def test_without_a_settled_drawing_there_is_no_dataset():
    make_drawing()
    with pytest.raises(SnapshotError, match="No drawing is settled yet"):
        snapshot_drawings(None)
    assert not Snapshot.objects.exists()


def test_with_judges_alone_there_is_no_mixture(mnist):
    settled(1, fold=HOLDOUT)
    snapshot = snapshot_drawings(None)
    assert (snapshot.drawings.train_count, snapshot.drawings.test_count) == (0, 1)
    assert snapshot.mixed is None


def test_without_mnist_the_drawings_are_still_a_dataset():
    settled(1)
    snapshot = snapshot_drawings(None)
    assert snapshot.drawings.train_count == 1
    assert snapshot.mixed is None


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"mnist_share": 1.0}, "below 1, got 1"),
        ({"mnist_share": -0.1}, "at least 0"),
        ({"name": " "}, "1 to 60"),
        ({"name": "x" * 61}, "got 61"),
        ({"name": "Blocks"}, "choose another name"),
    ],
)
def test_arguments_out_of_range_are_refused(fields, complaint):
    settled(1)  # its model was trained on a dataset called Blocks
    with pytest.raises(SnapshotError, match=complaint):
        request_snapshot(None, **fields)


def test_a_worker_makes_what_was_asked_for_once(django_capture_on_commit_callbacks, monkeypatch):
    woken = []
    monkeypatch.setattr(
        "training.wakeups.wake_default", lambda task, *args: woken.append((task, *args))
    )
    settled(1)
    with django_capture_on_commit_callbacks(execute=True):
        snapshot = request_snapshot(make_user(), mnist_share=0.5)
    assert woken == [(tasks.make_snapshot.name, snapshot.pk)]

    tasks.make_snapshot(snapshot.pk)
    snapshot.refresh_from_db()
    assert (snapshot.status, snapshot.attempts) == ("done", 1)
    tasks.make_snapshot(snapshot.pk)
    snapshot.refresh_from_db()
    assert snapshot.attempts == 1


def test_a_dataset_that_cannot_be_read_is_said_in_a_sentence(mnist):
    settled(1)
    Dataset.objects.filter(pk=mnist.pk).update(file="datasets/gone.npz", digest="0" * 64)
    snapshot = request_snapshot(None)
    snapshots.make_snapshot(snapshot.pk)
    snapshot.refresh_from_db()
    assert snapshot.status == "failed"
    assert "gone.npz" in snapshot.error


def test_lost_wake_ups_are_sent_again_and_dead_attempts_given_up(monkeypatch):
    woken = []
    monkeypatch.setattr("training.wakeups.wake_default", lambda task, pk: woken.append(pk) or True)
    monkeypatch.setattr("training.wakeups.waiting", lambda queue: 0)
    now = timezone.now()
    long_ago = now - timedelta(hours=1)

    def row(**fields) -> Snapshot:
        return Snapshot.objects.create(name="Drawings", mnist_share=0.5, **fields)

    row()
    lost = row(created_at=long_ago)
    row(created_at=long_ago, started_at=now, attempts=1)
    dead = row(created_at=long_ago, started_at=long_ago, attempts=1)
    hopeless = row(created_at=long_ago, started_at=long_ago, attempts=3)
    row(created_at=long_ago, status="done")

    snapshots.wake_forgotten(None, now=now)

    assert sorted(woken) == [lost.pk, dead.pk]
    hopeless.refresh_from_db()
    assert (hopeless.status, hopeless.error) == (
        "failed",
        "The worker died 3 times while making it.",
    )


def test_the_counts_are_of_what_would_go_in(mnist):
    ada = make_user(Role.DRAWER)
    settled(1, 4, author=ada)
    settled(2, 4, author=ada)
    settled(3, 9, fold=HOLDOUT)
    make_drawing()
    counted = snapshot_contents.contents("Drawings")
    assert (counted.training.drawings, counted.training.people, counted.training.new) == (2, 1, 2)
    assert (counted.judging.drawings, counted.judging.people) == (1, 1)
    assert counted.waiting == 1
    assert counted.digits[4] == {"digit": 4, "training": 2, "judging": 0}
    assert counted.has_news

    snapshot_drawings(None)
    assert not snapshot_contents.contents("Drawings").has_news
    settled(4)
    assert snapshot_contents.contents("Drawings").training.new == 1


def test_the_command_prints_what_was_made_and_then_that_nothing_is_new(mnist, capsys):
    settled(1)
    call_command("snapshot_drawings", "--share", "0.1")
    out = capsys.readouterr().out
    assert "Drawings v1: 1 training and 0 test images" in out
    assert "Drawings + MNIST v1: 100 training" in out
    assert "10.0% of the mixed training split, each 10.0 times" in out
    call_command("snapshot_drawings", "--share", "0.1")
    assert "nothing new since Drawings v1" in capsys.readouterr().out


def test_the_command_says_why_it_made_nothing():
    with pytest.raises(CommandError, match="No drawing is settled yet"):
        call_command("snapshot_drawings")
