"""Handing in a drawing: all that was seen and said is kept, and nobody's hand is on two sides."""

import io

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from PIL import Image

from digitsite.accounts.models import User
from digitsite.accounts.roles import Role
from inference.models import Drawing, ShareLink
from inference.predictor import NoProductionModel
from inference.services.drawings import fold_of, submit_drawing
from inference.services.promotion import promote
from tests.factories import make_user
from tests.inference.rows import make_share_link, make_version
from training.ml.preprocess import CONTRACT_ID, DrawingError, strokes_to_image

pytestmark = pytest.mark.django_db

STROKES = [[[0.2, 0.2, 0], [0.5, 0.123456, 20]], [], [[0.8, 0.8, 40, 0.5]]]


@pytest.fixture
def ada():
    return make_user(Role.DRAWER, "ada")


@pytest.fixture
def production():
    version = make_version()
    promote(version, by=None, reason="first")
    return version


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_drawing_keeps_what_the_model_saw_and_said(ada, production):
    drawing = Drawing.objects.get(pk=submit_drawing(author=ada, label=7, strokes=STROKES).pk)
    assert (drawing.author, drawing.label, drawing.status) == (ada, 7, Drawing.Status.PENDING)
    assert (drawing.model, drawing.contract_id) == (production, CONTRACT_ID)
    assert bytes(drawing.image) == strokes_to_image(STROKES).tobytes()
    assert drawing.strokes == [[[0.2, 0.2, 0], [0.5, 0.1235, 20]], [[0.8, 0.8, 40, 0.5]]]
    assert len(drawing.probabilities) == 10
    assert drawing.predicted_label == np.argmax(drawing.probabilities)
    assert drawing.confidence == pytest.approx(max(drawing.probabilities), abs=1e-5)
    assert drawing.latency_ms > 0
    assert (drawing.origin, drawing.device) == (Drawing.Origin.PEN, Drawing.Device.UNKNOWN)


@pytest.mark.parametrize("device", Drawing.Device.values)
def test_what_it_was_drawn_with_is_kept(ada, production, device):
    drawing = submit_drawing(author=ada, label=7, strokes=STROKES, device=device)
    assert Drawing.objects.get(pk=drawing.pk).device == device


@pytest.mark.parametrize("device", ["", "Mouse", "stylus", None, 7])
def test_a_device_that_is_none_is_refused(ada, production, device):
    with pytest.raises(DrawingError, match="The device is one of mouse, touch") as refusal:
        submit_drawing(author=ada, label=7, strokes=STROKES, device=device)
    assert refusal.value.code == "device"
    assert not Drawing.objects.exists()


def test_a_picture_keeps_its_image_and_no_strokes(ada, production):
    paper = np.full((80, 60), 250, np.uint8)
    paper[15:65, 27:33] = 20
    drawing = submit_drawing(author=ada, label=1, picture=png(paper))
    assert (drawing.origin, drawing.strokes) == (Drawing.Origin.UPLOAD, [])
    assert max(drawing.image) > 200


@pytest.mark.parametrize("label", [-1, 10, 1.0, "1", True, None])
def test_a_label_is_a_digit(ada, production, label):
    with pytest.raises(DrawingError, match="digit from 0 to 9") as refusal:
        submit_drawing(author=ada, label=label, strokes=STROKES)
    assert refusal.value.code == "label"
    assert not Drawing.objects.exists()


def test_nothing_drawn_is_not_stored(ada, production):
    with pytest.raises(DrawingError):
        submit_drawing(author=ada, label=1, strokes=[])
    assert not Drawing.objects.exists()


def test_either_strokes_or_a_picture(ada, production):
    for both in ({}, {"strokes": STROKES, "picture": b""}):
        with pytest.raises(DrawingError, match="either"):
            submit_drawing(author=ada, label=1, **both)


def test_times_that_are_no_number_do_not_reach_the_database(ada, production):
    odd = [[[0.1, 0.1, float("nan")], [0.9, 0.9, None], [0.9, 0.5, 1e300]]]
    drawing = submit_drawing(author=ada, label=1, strokes=odd)
    drawing.refresh_from_db()
    assert [point[2] for point in drawing.strokes[0]] == [0, 0, 0]


def test_without_a_model_nothing_is_stored(ada):
    with pytest.raises(NoProductionModel):
        submit_drawing(author=ada, label=1, strokes=STROKES)
    assert not Drawing.objects.exists()


def test_all_drawings_of_a_person_are_in_one_fold(ada, production):
    folds = {submit_drawing(author=ada, label=n, strokes=STROKES).fold for n in range(4)}
    assert folds == {fold_of(ada)}


def test_a_visitors_drawing_belongs_to_the_link_and_to_nobody(production):
    link = make_share_link()
    drawing = submit_drawing(author=link, label=1, strokes=STROKES)
    drawing.refresh_from_db()
    assert (drawing.author, drawing.share_link) == (None, link)
    assert drawing.drawn_by == "visitor of “Class 4b”"


def test_a_drawing_has_an_author_or_a_share_link_and_never_both(ada, production):
    drawing = submit_drawing(author=ada, label=1, strokes=STROKES)
    for values in ({"author": None}, {"share_link": make_share_link()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Drawing.objects.filter(pk=drawing.pk).update(**values)


def test_all_drawings_of_a_link_are_in_one_fold_whoever_owns_it(production):
    link = make_share_link()
    folds = {submit_drawing(author=link, label=n, strokes=STROKES).fold for n in range(4)}
    assert folds == {fold_of(link)}
    several = [fold_of(ShareLink(pk=number)) for number in range(1, 301)]
    assert 0.25 < several.count(Drawing.Fold.HOLDOUT) / 300 < 0.42
    assert several != [fold_of(User(pk=number)) for number in range(1, 301)]


def test_about_one_person_in_three_is_kept_for_judging():
    folds = [fold_of(User(pk=number)) for number in range(1, 1001)]
    assert 0.28 < folds.count(Drawing.Fold.HOLDOUT) / 1000 < 0.39
    assert folds == [fold_of(User(pk=number)) for number in range(1, 1001)]
