import numpy as np
import pytest
from django.urls import reverse

from digitsite.accounts.roles import Role
from tests.factories import make_succeeded_run, make_user
from training import confusion
from training.confusion import MatrixView, matrix
from training.models import Evaluation, Misclassification
from training.services.datasets import load_digits

pytestmark = pytest.mark.django_db


@pytest.fixture
def judged() -> Evaluation:
    """64 answers; the first four is read as a nine, 60 % sure."""
    evaluation = make_succeeded_run(evaluated=True).evaluations.get()
    labels = load_digits(evaluation.dataset).test_labels
    counts = np.diag(np.bincount(labels, minlength=10))
    index = int(np.flatnonzero(labels == 4)[0])
    Misclassification.objects.create(
        evaluation=evaluation, index=index, true_label=4, predicted_label=9, confidence=0.6
    )
    counts[4, 4] -= 1
    counts[4, 9] += 1
    evaluation.confusion = counts.tolist()
    evaluation.save()
    return evaluation


@pytest.mark.parametrize(
    ("query", "view", "back"),
    [
        ({}, MatrixView(), ""),
        ({"show": "rates"}, MatrixView(rates=True), "?show=rates"),
        ({"diagonal": "hide"}, MatrixView(diagonal=False), "?diagonal=hide"),
        ({"above": "99.9"}, MatrixView(above=99.9), "?above=99.9"),
        ({"above": "many", "show": "?", "diagonal": "x"}, MatrixView(), ""),
        ({"above": "nan"}, MatrixView(), ""),
        ({"above": "-1"}, MatrixView(), ""),
        ({"above": "100"}, MatrixView(), ""),
    ],
)
def test_a_view_is_read_from_the_address_and_written_back(query, view, back):
    assert MatrixView.parse(query) == view
    assert view.query == back


def test_the_answers_are_those_of_the_split_without_reading_it(judged):
    answers = confusion.answers_of(judged)
    labels = load_digits(judged.dataset).test_labels
    assert (answers.true == labels).all()
    assert np.flatnonzero(answers.true != answers.predicted).tolist() == [
        judged.misclassifications.get().index
    ]


def test_a_threshold_leaves_out_the_less_confident_answers(judged):
    everything = matrix(judged, MatrixView())
    assert (everything.kept, everything.total, everything.right) == (64, 64, 63)
    sure = matrix(judged, MatrixView(above=70))
    assert sure.rows[4][9].count == 0
    assert sure.kept < 64
    answers = confusion.answers_of(judged)
    assert sure.kept == (answers.confidence >= 0.7).sum()
    assert matrix(judged, MatrixView(above=59)).rows[4][9].count == 1


def test_nothing_is_confident_enough(judged):
    Evaluation.objects.update(probabilities="")
    evaluation = Evaluation.objects.get()
    assert matrix(evaluation, MatrixView(above=99)).kept == 64  # without the file: all


def test_shares_are_of_the_row(judged):
    for row in matrix(judged).rows:
        assert sum(cell.share for cell in row) == pytest.approx(1)


def test_the_page_swaps_only_the_matrix_and_links_keep_the_threshold(client, judged):
    client.force_login(make_user(Role.DRAWER))
    url = reverse("evaluation", args=[judged.pk])
    asked = {"show": "rates", "above": "50", "diagonal": "hide"}
    part = client.get(
        url, asked, headers={"HX-Request": "true", "HX-Target": "confusion"}
    ).content.decode()
    assert part.startswith('<section class="card" id="confusion"')
    cell = reverse("evaluation_cell", args=[judged.pk, 4, 9])
    assert f"{cell}?show=rates&amp;diagonal=hide&amp;above=50" in part
    assert reverse("evaluation_cell", args=[judged.pk, 4, 4]) not in part
    whole = client.get(url, asked).content.decode()
    assert "<html" in whole
    assert part.strip()[:60] in whole


def test_a_cell_under_a_threshold_shows_the_images_it_counts(client, judged):
    client.force_login(make_user(Role.DRAWER))
    cell = reverse("evaluation_cell", args=[judged.pk, 4, 9])
    assert len(client.get(cell).context["page"].object_list) == 1
    assert len(client.get(cell, {"above": "90"}).context["page"].object_list) == 0
    right = client.get(reverse("evaluation_cell", args=[judged.pk, 0, 0]), {"above": "70"})
    kept = matrix(judged, MatrixView(above=70)).rows[0][0].count
    assert len(right.context["page"].object_list) == kept
