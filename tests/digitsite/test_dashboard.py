import re

import pytest
from django.urls import reverse

from digitsite import dashboard
from digitsite.accounts.roles import Role
from inference.models import Drawing, ModelVersion, Promotion
from tests.factories import make_dataset, make_run, make_running_run, make_succeeded_run, make_user
from training.models import Evaluation, TrainingRun

pytestmark = pytest.mark.django_db


def page(client, role: Role = Role.RESEARCHER, **headers) -> str:
    client.force_login(make_user(role))
    return client.get(reverse("dashboard"), **headers).content.decode()


def promoted_run(**fields) -> TrainingRun:
    run = make_succeeded_run(evaluated=True, **fields)
    Promotion.objects.create(model=run.model_version, reason="It reads blocks")
    return run


def make_drawing(author, model: ModelVersion, label: int = 3, predicted: int = 3) -> Drawing:
    return Drawing.objects.create(
        author=author,
        image=bytes(784),
        contract_id="c",
        model=model,
        probabilities=[0.1] * 10,
        predicted_label=predicted,
        confidence=0.1,
        latency_ms=1,
        label=label,
        fold=Drawing.Fold.POOL,
    )


def test_an_empty_site_says_to_import_data_first(client):
    assert "Import MNIST first" in page(client)


def test_with_data_and_no_model_a_researcher_is_led_to_the_first_run(client):
    make_dataset()
    assert f"{reverse('run_new')}?recipe=fast" in page(client)


def test_with_data_and_no_model_a_drawer_is_told_who_can_train(client):
    make_dataset()
    shown = page(client, Role.DRAWER)
    assert "researcher" in shown
    assert reverse("run_new") not in shown


def test_a_registered_model_that_does_not_serve_is_named(client):
    version = make_succeeded_run().model_version
    shown = page(client)
    assert "No model serves yet" in shown
    assert reverse("model", args=[version.number]) in shown


def test_the_production_model_shows_its_accuracy_with_interval_and_reason(client):
    run = promoted_run()
    evaluation = run.evaluations.get()
    shown = page(client)
    assert f"{evaluation.accuracy:.2%}".replace("%", "\u00a0%") in shown
    assert f"{evaluation.accuracy_low:.2%}".replace("%", "\u00a0%") in shown
    assert "It reads blocks" in shown
    assert reverse("evaluation", args=[evaluation.pk]) in shown


def test_misread_digits_are_the_rows_of_the_matrix_off_its_diagonal():
    confusion = [[0] * 10 for _ in range(10)]
    confusion[4][4], confusion[4][9], confusion[4][1] = 90, 6, 2
    confusion[7][1] = 4
    rows = dashboard.misread_by_digit(Evaluation(confusion=confusion))
    assert [row["count"] for row in rows] == [0, 0, 0, 0, 8, 0, 0, 4, 0, 0]
    assert rows[4]["share"] == 1
    assert rows[7]["share"] == 0.5


def test_a_model_without_mistakes_has_ten_empty_columns():
    diagonal = [[5 * (i == j) for j in range(10)] for i in range(10)]
    rows = dashboard.misread_by_digit(Evaluation(confusion=diagonal))
    assert [row["share"] for row in rows] == [0] * 10


def test_waiting_runs_are_listed_in_the_order_in_which_they_start():
    late, urgent = make_run(), make_run(priority=5)
    waiting = dashboard.queue().waiting
    assert [(row.run.pk, row.position) for row in waiting] == [(urgent.pk, 1), (late.pk, 2)]


def test_a_long_queue_shows_its_head_and_counts_the_rest(client):
    owner, dataset = make_user(), make_dataset()
    for _ in range(dashboard.QUEUE_SHOWN + 3):
        make_run(owner=owner, dataset=dataset)
    queue = dashboard.queue()
    assert len(queue.waiting) == dashboard.QUEUE_SHOWN
    assert queue.more_waiting == 3
    assert "3 more" in page(client)


def test_a_running_run_shows_how_far_it_is(client):
    run, _ = make_running_run()
    TrainingRun.objects.filter(pk=run.pk).update(
        epochs_done=1, progress={"epoch": 1, "batch": 3, "batches": 6}
    )
    (row,) = dashboard.queue().running
    assert row.share == pytest.approx(1.5 / run.epochs)
    assert '<progress class="meter" max="100" value="50"' in page(client)


def test_without_redis_the_page_opens_and_says_so(client):
    assert "Redis does not answer" in page(client)


def test_a_queue_that_nobody_serves_says_so(client, redis_url):
    make_run()
    assert "No training worker is alive" in page(client)


def test_htmx_gets_the_queue_alone(client):
    part = page(client, headers={"HX-Request": "true"})
    assert part.strip().startswith('<section class="card" id="queue"')
    assert "<html" not in part


def test_results_show_accuracy_of_successes_and_state_of_the_others(client):
    good = make_succeeded_run(evaluated=True)
    bad = make_run(status=TrainingRun.Status.FAILED)
    shown = page(client)
    results = shown[shown.index("Newest results") : shown.index("Your drawings")]
    assert reverse("run", args=[good.pk]) in results
    assert f"{good.evaluations.get().accuracy:.2%}".replace("%", "\u00a0%") in results
    assert reverse("run", args=[bad.pk]) in results
    assert "Failed" in results


def test_people_see_their_own_drawings_only(client):
    model = promoted_run().model_version
    me, other = make_user(Role.DRAWER), make_user(Role.DRAWER)
    mine, theirs = make_drawing(me, model, predicted=5), make_drawing(other, model)
    client.force_login(me)
    shown = client.get(reverse("dashboard")).content.decode()
    assert reverse("drawing_image", args=[mine.pk]) in shown
    assert reverse("drawing_image", args=[theirs.pk]) not in shown
    assert "digit--wrong" in shown


def test_only_reviewers_are_asked_to_review(client):
    make_drawing(make_user(), promoted_run().model_version)
    assert "Review 1 drawing" not in page(client, Role.RESEARCHER)
    assert "Review 1 drawing" in page(client, Role.REVIEWER)


def test_the_number_of_queries_does_not_grow_with_what_is_shown(
    client, django_assert_max_num_queries
):
    model = promoted_run().model_version
    me = make_user(Role.ADMIN)
    for _ in range(5):
        make_drawing(me, model)
        make_run(status=TrainingRun.Status.CANCELLED)
    client.force_login(me)
    with django_assert_max_num_queries(22):
        shown = client.get(reverse("dashboard")).content.decode()
    assert len(re.findall(r'src="/drawings/', shown)) == 5
