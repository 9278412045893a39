import re

import numpy as np
import plotly.graph_objects as go
import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from digitsite.accounts.roles import Role
from tests.factories import make_succeeded_run, make_user
from tests.training.ml.synthetic import synthetic_digits
from training import analysis_page, image_page
from training.confusion import answers_of
from training.models import Analysis, Evaluation
from training.services import analyses
from training.services.datasets import add_dataset, load_digits

pytestmark = pytest.mark.django_db
PARTS = list(analysis_page.PARTS)


@pytest.fixture
def judged(client) -> Evaluation:
    """Test images 5 and 9 carry the label above the digit they show; seen by a researcher."""
    client.force_login(make_user(Role.RESEARCHER))
    digits = synthetic_digits(1)
    for index in (5, 9):
        digits.test_labels[index] = (digits.test_labels[index] + 1) % 10
    dataset = add_dataset(digits, name="Wrong", kind="upload", source="a test")
    return make_succeeded_run(dataset=dataset, evaluated=True).evaluations.get()


@pytest.fixture
def analysed(judged) -> Analysis:
    return analyses.analyse(analyses.request_analysis(judged, by=None, wake=False).pk)


def part_of(client, evaluation, part, **query) -> str:
    url = reverse("evaluation_part", args=[evaluation.pk, part])
    return client.get(url, query).content.decode()


def image_of(client, evaluation, index):
    return client.get(reverse("evaluation_image", args=[evaluation.pk, index]))


@pytest.mark.parametrize("part", PARTS)
def test_without_an_analysis_every_part_offers_to_make_it(client, judged, part):
    page = part_of(client, judged, part)
    assert "Not analysed yet" in page
    assert reverse("evaluation_analyse", args=[judged.pk]) in page
    client.force_login(make_user(Role.DRAWER))
    page = part_of(client, judged, part)
    assert "A researcher may ask for it." in page
    assert reverse("evaluation_analyse", args=[judged.pk]) not in page


def test_asking_leads_back_to_the_part_and_its_progress(client, judged):
    url = reverse("evaluation_analyse", args=[judged.pk])
    answer = client.post(url, {"part": "map"})
    assert answer["Location"] == reverse("evaluation_part", args=[judged.pk, "map"])
    page = part_of(client, judged, "map")
    assert "Waiting for a worker" in page
    assert 'hx-trigger="every 2s"' in page
    Analysis.objects.update(status="running", progress={"stage": "Slicing", "share": 0.25})
    page = part_of(client, judged, "map")
    assert "Slicing …" in page
    assert 'value="0.250"' in page
    assert client.post(url, {"part": "//elsewhere"})["Location"].endswith("/slices/")


def test_a_failure_is_told_with_a_way_to_try_again(client, judged):
    client.post(reverse("evaluation_analyse", args=[judged.pk]))
    Analysis.objects.update(status="failed", error="The analysis stopped: out of paper")
    page = part_of(client, judged, "slices")
    assert "out of paper" in page
    assert "Try again" in page
    assert "hx-trigger" not in page


def test_an_unfinished_evaluation_has_no_parts_yet(client, judged):
    Evaluation.objects.update(status="pending")
    for url in (
        reverse("evaluation_part", args=[judged.pk, "slices"]),
        reverse("evaluation_image", args=[judged.pk, 1]),
    ):
        assert client.get(url)["Location"] == reverse("evaluation", args=[judged.pk])
    answer = client.post(reverse("evaluation_analyse", args=[judged.pk]), follow=True)
    assert "not finished" in answer.content.decode()
    assert client.get(reverse("evaluation_why", args=[judged.pk, 1])).status_code == 404


def test_there_are_only_four_parts(client, judged):
    assert client.get(reverse("evaluation_part", args=[judged.pk, "moods"])).status_code == 404


def test_slices_come_worst_first_and_by_kind_and_small_ones_are_marked(client, analysed):
    page = part_of(client, analysed.evaluation, "slices")
    shown = re.findall(r"<strong>([\d.]+).%</strong></td>", page)
    assert [float(share) for share in shown] == sorted(map(float, shown))
    assert "few images" in page
    digits = part_of(client, analysed.evaluation, "slices", kind="Digit")
    assert digits.count('class="slices__kind">Digit') == 10
    assert "Pen width</span>" not in digits


def test_robustness_tells_the_drop_and_shows_the_damage(client, analysed):
    page = part_of(client, analysed.evaluation, "robustness")
    for name in ("Noise", "Blur", "Rotation", "Scale", "Thin", "Thick", "Contrast", "Occlusion"):
        assert name in page
    assert page.count("data:image/png;base64,") == 24
    rows = analysis_page.robustness_rows(analysed)
    drops = [row["mean_drop"] for row in rows]
    assert drops == sorted(drops, reverse=True)


def test_the_most_suspicious_labels_come_first_and_open_their_images(client, analysed):
    page = part_of(client, analysed.evaluation, "labels")
    links = re.findall(rf"/evaluations/{analysed.evaluation_id}/images/(\d+)/", page)
    assert set(links[:2]) == {"5", "9"}


def test_labels_that_the_model_learned_from_come_with_a_warning(client, analysed):
    assert "has seen these labels" not in part_of(client, analysed.evaluation, "labels")
    Evaluation.objects.update(split="train")
    assert "has seen these labels" in part_of(client, analysed.evaluation, "labels")


def test_the_map_is_what_plotly_accepts_and_lists_what_it_shows(client, analysed):
    evaluation = analysed.evaluation
    answers = answers_of(evaluation)
    figure = analysis_page.map_figure(analysed, answers)
    go.Figure(figure)  # raises for a property that plotly does not know
    shown = {row[0]: row for trace in figure["data"] for row in trace["customdata"]}
    assert len(shown) == 64
    wrong = [trace for trace in figure["data"] if trace["mode"] == "text"]
    assert {row[0] for trace in wrong for row in trace["customdata"]} == {5, 9}
    for trace in figure["data"]:
        assert trace["meta"]["ink"] == f"class-{trace['name']}"
    page = part_of(client, evaluation, "map")
    assert f'data-opens="/evaluations/{evaluation.pk}/images/"' in page
    for index in (5, 9):
        assert f'href="{reverse("evaluation_image", args=[evaluation.pk, index])}"' in page


def test_each_digit_of_the_map_has_one_place_in_the_legend(analysed):
    traces = analysis_page.map_figure(analysed, answers_of(analysed.evaluation))["data"]
    named = [trace["name"] for trace in traces if trace["showlegend"]]
    assert sorted(named) == sorted(set(named)) == sorted({trace["name"] for trace in traces})


def test_a_file_that_is_gone_is_told_and_nothing_breaks(client, analysed):
    analysis_page._load.cache_clear()
    default_storage.delete(analysed.file.name)
    for part in ("robustness", "map"):
        assert "cannot be read" in part_of(client, analysed.evaluation, part)
    assert "cannot be read" in image_of(client, analysed.evaluation, 5).content.decode()


# --- one image ------------------------------------------------------------------------------------


def test_an_images_page_has_its_answer_its_suspicion_and_its_neighbours(client, analysed):
    evaluation = analysed.evaluation
    answer = image_of(client, evaluation, 5)
    page = answer.content.decode()
    reading = answer.context["reading"]
    labels = load_digits(evaluation.dataset).test_labels
    assert (reading.label, reading.read) == (labels[5], (labels[5] - 1) % 10)
    assert not reading.right
    assert sum(bar.percent for bar in reading.bars) == pytest.approx(1, abs=1e-5)
    assert answer.context["label_verdict"].rank <= 2
    assert answer.context["label_verdict"].word == "Suspicious"
    assert len(answer.context["neighbours"]) == 10
    assert {near.label for near in answer.context["neighbours"]} == {reading.read}
    distances = [near.distance for near in answer.context["neighbours"]]
    assert distances == sorted(distances)
    assert (reading.previous, reading.following) == (None, 9)
    assert "Previous misread" not in page
    assert reverse("evaluation_image", args=[evaluation.pk, 9]) in page


def test_an_image_that_was_read_right_has_a_page_too(client, analysed):
    answer = image_of(client, analysed.evaluation, 6)
    assert answer.context["reading"].right
    assert answer.context["label_verdict"].word == "Credible"
    assert (answer.context["reading"].previous, answer.context["reading"].following) == (5, 9)


def test_without_an_analysis_the_image_is_shown_and_the_rest_offered(client, judged):
    page = image_of(client, judged, 5).content.decode()
    assert "Open the analysis" in page
    assert "Nearest training images" not in page


def test_an_index_past_the_split_is_not_found(client, judged):
    assert image_of(client, judged, 64).status_code == 404
    assert client.get(reverse("evaluation_why", args=[judged.pk, 64])).status_code == 404


def test_without_the_stored_answers_the_page_says_so(client, judged):
    Evaluation.objects.update(probabilities="evaluations/gone.npy")
    assert "cannot be read" in image_of(client, judged, 5).content.decode()


def test_the_why_names_the_part_that_decides(client, judged):
    page = client.get(reverse("evaluation_why", args=[judged.pk, 6])).content.decode()
    read = image_page.reading(judged, 6).read
    assert f"speaks for {read}" in page
    assert "data:image/png;base64," in page


def test_an_image_without_ink_has_nothing_to_cover(client, judged, monkeypatch):
    blank = np.zeros((64, 28, 28), np.uint8)

    class Digits:
        test_images = blank

    monkeypatch.setattr(image_page, "load_digits", lambda dataset: Digits)
    page = client.get(reverse("evaluation_why", args=[judged.pk, 6])).content.decode()
    assert "There is no ink to cover." in page


def test_a_model_file_that_was_changed_explains_nothing(client, judged):
    run = judged.run
    run.artifacts["onnx"]["sha256"] = "0" * 64
    run.save()
    page = client.get(reverse("evaluation_why", args=[judged.pk, 6])).content.decode()
    assert "does not have its digest" in page


def test_who_drew_what_is_for_those_who_may_see_everybodys_drawings(client, analysed):
    row = analysed.slices[0] | {"kind": "Author", "name": "rosa"}
    Analysis.objects.update(slices=[row, *analysed.slices])
    for role, seen in ((Role.DRAWER, False), (Role.RESEARCHER, False), (Role.REVIEWER, True)):
        client.force_login(make_user(role))
        assert ("rosa" in part_of(client, analysed.evaluation, "slices")) is seen
        told = client.get(f"/api/v1/evaluations/{analysed.evaluation_id}/analysis").json()
        assert ("Author" in {row["kind"] for row in told["slices"]}) is seen
