"""What became of a drawing, from the pen to the model that reads it right."""

import numpy as np
import pytest
from django.urls import reverse

from digitsite.accounts.roles import Role
from inference import tasks
from inference.drawing_life import life_of
from inference.models import DrawingReading, Promotion
from inference.services.promotion import promote
from inference.services.readings import read_all, readings_of
from inference.services.reviews import record_verdict, undo
from inference.services.snapshots import snapshot_drawings
from tests.factories import make_dataset, make_succeeded_run, make_user
from tests.inference.rows import DIAGONAL, make_drawing, make_version
from tests.training.ml.synthetic import synthetic_digits
from training.ml.preprocess import CONTRACT_ID
from training.models import Dataset

pytestmark = pytest.mark.django_db

BLOCKS = synthetic_digits(3, train=30)


def block(digit: int, **fields):
    """A drawing whose image the models of the tests read as `digit`."""
    image = BLOCKS.train_images[np.flatnonzero(BLOCKS.train_labels == digit)[0]]
    return make_drawing(image=image.tobytes(), contract_id=CONTRACT_ID, **fields)


def served(model):
    Promotion.objects.create(model=model, reason="for a test")
    return model


def kinds(drawing, viewer=None) -> list[str]:
    viewer = viewer or drawing.author
    drawing.refresh_from_db()
    return [moment.kind for moment in life_of(drawing, readings_of(drawing), viewer)]


def test_the_whole_life_in_the_order_in_which_it_happened(client):
    make_dataset(5, train=90, name="MNIST", kind=Dataset.Kind.MNIST)
    first = served(make_version())
    drawing = block(1, label=7, predicted=7, model=first, device="touch")
    rosa = make_user(Role.REVIEWER, "rosa")
    assert kinds(drawing) == ["drawn", "read", "waits_for_review"]
    record_verdict(drawing, reviewer=rosa, verdict="relabel", label=1)
    assert kinds(drawing)[2:] == ["reviewed", "waits_for_dataset"]
    snapshot = snapshot_drawings(None)
    run = make_succeeded_run(dataset=snapshot.mixed)
    promote(run.model_version, by=None, reason="better", override=True)

    told = kinds(drawing)

    assert told == [
        "drawn",
        "read",
        "reviewed",
        "learned_in",
        "learned_in",
        "trained",
        "read_again",
    ]
    client.force_login(drawing.author)
    page = " ".join(client.get(reverse("drawing", args=[drawing.pk])).content.decode().split())
    for sentence in (
        "Drawn as a <strong>7</strong> with a finger",
        "Read wrong as <strong>7</strong>",
        "Reviewed to <strong>1</strong> by a reviewer",
        "Drawings v1</a>, to learn from",
        "Drawings + MNIST v1</a>, to learn from, 23 times",
        f"run {run.pk}</a>, which became",
        "Read right as <strong>1</strong>",
    ):
        assert sentence in page


def test_a_holdout_drawing_is_held_out_and_never_trained_on():
    drawing = block(3, status="confirmed", settled_label=3, fold="holdout")
    block(4, status="confirmed", settled_label=4)
    snapshot = snapshot_drawings(None)
    make_succeeded_run(dataset=snapshot.drawings)
    assert kinds(drawing) == ["drawn", "read", "judges_in"]


def test_later_versions_are_counted_not_listed():
    drawing = block(3, status="confirmed", settled_label=3)
    for digit in (4, 5, 6):
        snapshot_drawings(None)
        block(digit, status="confirmed", settled_label=digit)
    moments = life_of(drawing, {}, drawing.author)
    (moment,) = [moment for moment in moments if moment.kind == "learned_in"]
    assert (moment.what["place"].dataset.version, moment.what["later"]) == (1, 2)
    assert moment.what["newest"].version == 3


def test_many_runs_are_shortened_to_the_first_and_those_that_served():
    drawing = block(3, status="confirmed", settled_label=3)
    dataset = snapshot_drawings(None).drawings
    runs = [make_succeeded_run(dataset=dataset) for _ in range(4)]
    served(runs[2].model_version)
    moments = [m for m in life_of(drawing, {}, drawing.author) if m.kind == "trained"]
    assert [moment.what["run"] for moment in moments] == [runs[0], runs[2]]
    assert [moment.what["others"] for moment in moments] == [0, 2]


@pytest.mark.parametrize(
    ("role", "name"), [(Role.DRAWER, "a reviewer"), (Role.REVIEWER, "rosa"), (Role.ADMIN, "rosa")]
)
def test_reviewers_are_named_to_those_who_may_know(role, name):
    drawing = block(3)
    rosa = make_user(Role.REVIEWER, "rosa")
    record_verdict(drawing, reviewer=rosa, verdict="confirm")
    undo(rosa)

    def who(viewer) -> list[str]:
        drawing.refresh_from_db()
        return [m.what["who"] for m in life_of(drawing, {}, viewer) if "who" in m.what]

    assert who(make_user(role)) == [name, name]
    assert who(rosa) == ["you", "you"]


def test_what_is_set_aside_is_neither_right_nor_wrong():
    drawing = block(3, status="rejected")
    moments = life_of(drawing, {}, drawing.author)
    assert moments[1].what["right"] is None
    assert moments[-1].kind == "set_aside"


def test_a_promoted_model_reads_all_drawings_once():
    first, second = served(make_version()), make_version()
    drawings = [block(digit, label=digit, predicted=9, model=first) for digit in (1, 2, 3)]
    served(second)
    tasks.read_drawings(second.pk)
    rows = DrawingReading.objects.order_by("drawing_id")
    assert [row.drawing for row in rows] == drawings
    assert [row.label for row in rows] == [1, 2, 3]
    assert all(row.model == second and 0.1 < row.confidence <= 1 for row in rows)
    assert read_all(second) == 0
    block(5, model=first)
    assert read_all(second) == 1


def test_what_nobody_computed_yet_is_computed_for_the_page():
    first = served(make_version())
    drawing = block(4, model=first)
    second = served(make_version())
    served(first)  # rolled back
    make_version()  # never served
    assert set(readings_of(drawing)) == {first.pk, second.pk}
    assert DrawingReading.objects.count() == 2
    moments = life_of(drawing, readings_of(drawing), drawing.author)
    assert [m.what["model"] for m in moments if m.kind == "read_again"] == [second]


def test_strokes_of_an_older_contract_are_read_as_drawn_anew(monkeypatch):
    model = served(make_version())
    old = make_drawing(model=model, strokes=DIAGONAL, contract_id="older")
    broken = make_drawing(model=model, strokes=[[[0.1, 1e9]]], contract_id="older")
    read_all(model)
    assert list(DrawingReading.objects.values_list("drawing", flat=True)) == [old.pk]
    assert readings_of(broken) == {}


def test_a_model_whose_file_is_gone_takes_nothing_from_the_page(client):
    drawing = block(4, model=served(make_version()))
    gone = served(make_version())
    gone.run.artifacts["onnx"]["name"] = "runs/gone.onnx"
    gone.run.save()
    gone.sha256 = "0" * 64
    gone.save()
    assert gone.pk not in readings_of(drawing)
    client.force_login(drawing.author)
    assert client.get(reverse("drawing", args=[drawing.pk])).status_code == 200


def test_after_a_promotion_a_worker_is_asked(django_capture_on_commit_callbacks, monkeypatch):
    woken = []
    monkeypatch.setattr(
        "training.wakeups.wake_default", lambda task, *args: woken.append((task, *args))
    )
    model = make_version()
    with django_capture_on_commit_callbacks(execute=True):
        promote(model, by=None, reason="first")
    assert (tasks.read_drawings.name, model.pk) in woken
