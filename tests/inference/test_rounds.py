"""Rounds: one point a promotion, all judged on the same images."""

import plotly.graph_objects as go
import pytest
from django.urls import reverse

from digitsite.accounts.roles import Role
from inference import rounds
from inference.models import DatasetDrawing, ModelVersion
from inference.services.promotion import promote
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_drawing, make_evaluation, make_version
from training.models import Dataset, Evaluation

pytestmark = pytest.mark.django_db
URL = reverse("rounds")


@pytest.fixture
def mnist() -> Dataset:
    return make_dataset(seed=1, test=200, name="MNIST", kind="mnist")


@pytest.fixture
def drawings(mnist) -> Dataset:
    return make_dataset(seed=2, test=60, name="Drawings", kind="drawings")


@pytest.fixture
def history(mnist, drawings) -> list[ModelVersion]:
    """Rounds v1, v2, v1: v1 misreads 12 of 60 drawings and 2 of 200, v2 misreads 3 and 1."""
    owner, mixed = make_user(), make_dataset(seed=3, kind="mixed", name="Mixed")
    versions = [make_version(owner=owner, dataset=dataset) for dataset in (mnist, mixed)]
    for version, wrong, slips in zip(versions, (12, 3), (2, 1), strict=True):
        make_evaluation(version, drawings, range(wrong))
        make_evaluation(version, mnist, range(slips))
    author = make_user(Role.DRAWER)
    rows = [make_drawing(author=author, model=versions[0]) for _ in range(2)]
    for index, drawing in enumerate([*rows, rows[0]]):  # one of them twice
        DatasetDrawing.objects.create(dataset=mixed, drawing=drawing, split="train", index=index)
    for version in (*versions, versions[0]):
        promote(version, by=None, reason="because")
    return versions


def test_every_promotion_is_a_round_and_a_way_back_is_one_more(history):
    found = rounds.rounds()
    assert [row.label for row in found.rounds] == ["1: v1", "2: v2", "3: v1"]
    assert [row.people.accuracy for row in found.rounds] == [0.8, 0.95, 0.8]
    assert [row.known.accuracy for row in found.rounds] == [0.99, 0.995, 0.99]


def test_the_drawings_learned_from_are_counted_once_each(history):
    assert [row.drawings for row in rounds.rounds().rounds] == [0, 2, 0]


def test_all_rounds_are_judged_on_the_newest_frozen_drawings(history):
    newer = make_dataset(seed=4, test=5, name="Drawings", kind="drawings")
    found = rounds.rounds()
    assert found.people == newer
    assert [row.people for row in found.rounds] == [None] * 3
    assert found.missing == 3
    assert not found.is_pending


def test_the_figure_is_plotlys_and_carries_the_intervals(history):
    figure = go.Figure(rounds.figure(rounds.rounds()))  # raises for what plotly does not know
    people, known, learned = figure.data
    assert list(people.y) == [80, 95, 80]
    low = history[0].run.evaluations.get(dataset__kind="drawings").accuracy_low
    assert people.error_y.arrayminus[0] == pytest.approx(80 - 100 * low, abs=1e-3)
    assert list(known.y) == [99, 99.5, 99]
    assert list(learned.y) == [0, 2, 0]
    assert list(figure.layout.xaxis.ticktext) == ["1: v1", "2: v2", "3: v1"]


def test_without_drawings_there_is_one_line(mnist):
    version = make_version(dataset=mnist, evaluated=True)
    promote(version, by=None, reason="first")
    figure = rounds.figure(rounds.rounds())
    assert [trace["name"] for trace in figure["data"]] == ["MNIST"]


def test_the_chart_in_words(history):
    assert rounds.summary(rounds.rounds()) == (
        "3 rounds. People's drawings read right: 80.0% in round 1, 80.0% in round 3. "
        "MNIST in round 3: 99.00%."
    )


def test_only_the_newest_rounds_are_shown_under_their_own_numbers(history, monkeypatch):
    monkeypatch.setattr(rounds, "SHOWN", 2)
    assert [row.label for row in rounds.rounds().rounds] == ["2: v2", "3: v1"]


def test_the_page_shows_every_figure_in_a_table(client, history):
    client.force_login(make_user(Role.DRAWER))
    page = client.get(URL).content.decode()
    for words in ("80.00", "95.00", "99.50", "figure-rounds", "Production"):
        assert words in page
    assert "Judge" not in page


def test_without_a_promotion_the_page_says_what_to_do(client):
    client.force_login(make_user(Role.RESEARCHER))
    page = client.get(URL).content.decode()
    assert "No round yet" in page
    assert reverse("run_new") in page


def test_without_frozen_drawings_the_page_says_how_they_come_about(client, mnist):
    promote(make_version(dataset=mnist, evaluated=True), by=None, reason="first")
    client.force_login(make_user(Role.REVIEWER))
    page = client.get(URL).content.decode()
    assert "People's drawings do not judge yet" in page
    assert reverse("review") in page


def test_what_is_missing_is_judged_at_a_click_and_the_page_follows(client, history):
    newer = make_dataset(seed=4, test=5, name="Drawings", kind="drawings")
    client.force_login(make_user(Role.RESEARCHER))
    assert "3 rounds have not been judged" in client.get(URL).content.decode()
    page = client.post(reverse("rounds_judge"), follow=True).content.decode()
    assert 'hx-trigger="every 3s"' in page
    assert Evaluation.objects.filter(dataset=newer, status="pending").count() == 2


def test_the_page_costs_the_same_however_many_rounds(
    client, history, django_assert_max_num_queries
):
    client.force_login(make_user(Role.DRAWER))
    with django_assert_max_num_queries(25) as few:
        client.get(URL)
    for version in (history[1], history[0], history[1]):
        promote(version, by=None, reason="because")
    with django_assert_max_num_queries(len(few)):
        client.get(URL)


def test_the_dashboard_shows_the_rounds_in_small(client, history):
    client.force_login(make_user(Role.DRAWER))
    page = client.get(reverse("dashboard")).content.decode()
    assert "figure-rounds" in page
    assert URL in page
    assert "80.0" in page
