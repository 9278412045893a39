import re

import numpy as np
import plotly.graph_objects as go
import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from digitsite.accounts.roles import Role
from tests.factories import make_dataset, make_succeeded_run, make_user
from training import confusion, evaluation_page
from training.confusion import confused_pairs, matrix
from training.models import Evaluation, Misclassification
from training.services.datasets import load_digits

pytestmark = pytest.mark.django_db


@pytest.fixture
def judged(client) -> Evaluation:
    """An evaluation with four mistakes of known places, seen by a drawer."""
    client.force_login(make_user(Role.DRAWER))
    evaluation = make_succeeded_run(evaluated=True).evaluations.get()
    labels = load_digits(evaluation.dataset).test_labels
    fours = np.flatnonzero(labels == 4)[:3]
    eight = np.flatnonzero(labels == 8)[0]
    evaluation.misclassifications.all().delete()
    wrong = [(fours[0], 4, 9, 0.6), (fours[1], 4, 9, 0.9), (fours[2], 4, 9, 0.7)]
    wrong.append((eight, 8, 3, 0.8))
    confusion = np.diag(np.bincount(labels, minlength=10))
    for index, true, predicted, confidence in wrong:
        Misclassification.objects.create(
            evaluation=evaluation,
            index=int(index),
            true_label=true,
            predicted_label=predicted,
            confidence=confidence,
        )
        confusion[true, true] -= 1
        confusion[true, predicted] += 1
    evaluation.confusion = confusion.tolist()
    evaluation.save()
    return evaluation


def page_of(client, evaluation, **query):
    return client.get(reverse("evaluation", args=[evaluation.pk]), query)


def cell_of(client, evaluation, true, predicted, **query):
    return client.get(reverse("evaluation_cell", args=[evaluation.pk, true, predicted]), query)


def test_the_page_shows_accuracy_with_its_interval_and_loss(client, judged):
    Evaluation.objects.update(accuracy=0.9917, accuracy_low=0.9897, accuracy_high=0.9933, loss=0.03)
    page = page_of(client, judged).content.decode().replace("\N{NO-BREAK SPACE}", " ")
    for text in ("99.17 %", "98.97 %", "99.33 %", "0.0300"):
        assert text in page


def test_mistakes_come_most_confident_first_and_in_pages(client, judged, monkeypatch):
    monkeypatch.setattr("training.views.evaluations.IMAGES_PER_PAGE", 3)
    first = page_of(client, judged)
    assert [row.confidence for row in first.context["page"]] == [0.9, 0.8, 0.7]
    assert "?page=2#misread" in first.content.decode()
    assert [row.confidence for row in page_of(client, judged, page=2).context["page"]] == [0.6]


def test_every_filled_cell_of_the_matrix_opens_its_images_and_no_other(client, judged):
    page = page_of(client, judged).content.decode()
    for true in range(10):
        for predicted in range(10):
            url = reverse("evaluation_cell", args=[judged.pk, true, predicted])
            inside = re.search(rf'<td[^>]*><a href="{url}"[^>]*>(\d+)</a>', page)
            count = judged.confusion[true][predicted]
            assert (int(inside[1]) if inside else 0) == count


def test_heat_tells_the_worst_mistake_from_lesser_ones_and_from_right_answers(judged):
    shown = matrix(judged)
    cells = {(c.true, c.predicted): c for row in shown.rows for c in row}
    assert cells[4, 9].heat == 100
    assert 0 < cells[8, 3].heat < 100
    assert cells[8, 9].heat == 0
    assert cells[0, 0].heat == 100
    assert cells[4, 4].heat < 100
    assert [(c.true, c.predicted) for c in confused_pairs(shown)] == [
        (4, 9),
        (8, 3),
    ]


def test_a_matrix_without_mistakes_or_without_a_digit_has_no_heat_to_divide_by(judged):
    judged.confusion = np.diag([5] * 9 + [0]).tolist()
    cells = [cell for row in matrix(judged).rows for cell in row]
    assert {cell.heat for cell in cells if not cell.right} == {0}
    assert cells[-1].heat == 0


def test_a_wrong_cell_shows_its_images_most_confident_first(client, judged):
    answer = cell_of(client, judged, 4, 9)
    assert [row.confidence for row in answer.context["page"]] == [0.9, 0.7, 0.6]
    for row in answer.context["page"]:
        url = reverse("dataset_image", args=[judged.dataset_id, "test", row.index])
        assert f'src="{url}"' in answer.content.decode()


def test_a_right_cell_shows_exactly_the_right_ones_least_confident_first(client, judged):
    rows = list(cell_of(client, judged, 4, 4).context["page"])
    labels = load_digits(judged.dataset).test_labels
    misread = set(judged.misclassifications.values_list("index", flat=True))
    assert {row.index for row in rows} == set(np.flatnonzero(labels == 4).tolist()) - misread
    confidences = [row.confidence for row in rows]
    assert confidences == sorted(confidences)


def test_a_right_cell_without_the_stored_probabilities_still_shows_its_images(client, judged):
    confusion._load.cache_clear()
    default_storage.delete(judged.probabilities.name)
    rows = cell_of(client, judged, 4, 4).context["page"]
    assert len(rows.object_list) == judged.confusion[4][4]
    assert all(row.confidence is None for row in rows)


def test_a_right_cell_without_its_data_says_so(client, judged):
    default_storage.delete(judged.dataset.file.name)
    load_digits.__globals__["_load"].cache_clear()
    assert "The images cannot be shown" in cell_of(client, judged, 4, 4).content.decode()


def test_an_empty_cell_says_so(client, judged):
    assert "No 0 was read as 1." in cell_of(client, judged, 0, 1).content.decode()


@pytest.mark.parametrize(("true", "predicted"), [(10, 0), (0, 10)])
def test_there_are_only_ten_digits(client, judged, true, predicted):
    assert cell_of(client, judged, true, predicted).status_code == 404


def test_the_calibration_figure_is_what_plotly_accepts(judged):
    judged.calibration = {
        "ece": 0.02,
        "bins": [{"low": 0.8, "high": 0.9, "count": 7, "confidence": 0.85, "accuracy": 0.9}],
    }
    figure = evaluation_page.calibration_figure(judged)
    go.Figure(figure)  # raises for a property that plotly does not know
    assert (figure["data"][1]["x"], figure["data"][1]["y"]) == ([85.0], [90.0])


def test_a_pending_evaluation_asks_again_and_has_no_cells(client):
    client.force_login(make_user(Role.DRAWER))
    evaluation = make_succeeded_run().evaluations.get()
    page = page_of(client, evaluation).content.decode()
    assert "Being judged" in page
    assert 'hx-trigger="every 2s"' in page
    assert cell_of(client, evaluation, 1, 1).status_code == 404


def test_a_failed_evaluation_says_why_and_what_to_do(client):
    client.force_login(make_user(Role.DRAWER))
    evaluation = make_succeeded_run().evaluations.get()
    Evaluation.objects.update(status="failed", error="The model file is gone.")
    page = page_of(client, evaluation).content.decode()
    assert "The model file is gone." in page
    assert "A researcher may try again." in page
    client.force_login(make_user(Role.RESEARCHER))
    assert f'value="{evaluation.dataset_id}/test"' in page_of(client, evaluation).content.decode()
    assert "hx-trigger" not in page


def test_any_dataset_may_be_chosen_to_evaluate_a_run_on(client):
    client.force_login(make_user(Role.RESEARCHER))
    run = make_succeeded_run()
    other = make_dataset(3, name="Others")
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    assert f'value="{other.pk}/train"' in page
    answer = client.post(reverse("evaluation_new"), {"run": run.pk, "on": f"{other.pk}/train"})
    evaluation = run.evaluations.get(dataset=other)
    assert (evaluation.split, evaluation.status) == ("train", "pending")
    assert answer["Location"] == reverse("evaluation", args=[evaluation.pk])


def test_a_split_there_is_not_is_refused_on_the_runs_page(client):
    client.force_login(make_user(Role.RESEARCHER))
    run = make_succeeded_run()
    answer = client.post(reverse("evaluation_new"), {"run": run.pk, "on": "0/x"}, follow=True)
    assert "There is no such split of a dataset." in answer.content.decode()
    assert run.evaluations.count() == 1


def test_a_drawer_is_not_offered_to_evaluate(client, judged):
    page = client.get(reverse("run", args=[judged.run_id])).content.decode()
    assert "Evaluate on" not in page


def test_the_page_says_when_the_model_learned_from_the_images(client, judged):
    assert "images it never learned from" in page_of(client, judged).content.decode()
    Evaluation.objects.update(split="train")
    assert "images it learned from" in page_of(client, judged).content.decode()
