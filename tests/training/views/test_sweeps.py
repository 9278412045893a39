import pytest
from django.urls import reverse

from digitsite.accounts.roles import Role
from tests.factories import make_dataset, make_run, make_succeeded_run, make_sweep, make_user
from training.models import Sweep, TrainingRun
from training.services import sweeps
from training.sweep_form import SweepForm

pytestmark = pytest.mark.django_db


@pytest.fixture
def rosa(client):
    person = make_user(Role.RESEARCHER, "rosa")
    client.force_login(person)
    return person


def filled_in(dataset, **changes) -> dict:
    data = {
        "recipe": "fast",
        "dataset": dataset.pk,
        "note": "which rate?",
        "method": "grid",
        "max_runs": 12,
        "seed": 0,
        "field_0": "learning_rate",
        "values_0": "0.001 to 0.1 log in 3",
        "field_1": "dropout",
        "values_1": "0, 0.2",
    }
    return data | changes


def test_a_launch_queues_the_whole_grid(client, rosa):
    answer = client.post(reverse("sweep_new"), filled_in(make_dataset()))
    sweep = Sweep.objects.get()
    assert answer["Location"] == reverse("sweep", args=[sweep.pk])
    assert (sweep.owner, sweep.note, sweep.max_runs) == (rosa, "which rate?", 12)
    assert sweep.space["learning_rate"] == {"low": 0.001, "high": 0.1, "log": True, "steps": 3}
    values = [
        (run.hyperparameters["learning_rate"], run.hyperparameters["dropout"])
        for run in sweep.runs.order_by("pk")
    ]
    assert values == [(rate, dropout) for rate in (0.001, 0.01, 0.1) for dropout in (0, 0.2)]


def test_the_form_starts_with_a_plan_that_can_be_launched(client, rosa):
    make_dataset()
    form = client.get(reverse("sweep_new")).context["form"]
    data = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    assert SweepForm(data).is_valid()


def test_a_sweep_around_a_run_keeps_its_other_hyperparameters(client, rosa):
    parent = make_succeeded_run()
    page = client.get(reverse("sweep_new"), {"run": parent.pk})
    assert f"around run {parent.pk}" in page.content.decode()
    client.post(reverse("sweep_new"), filled_in(parent.dataset, parent=parent.pk))
    run = TrainingRun.objects.filter(sweep__isnull=False).first()
    assert (run.parent, run.hyperparameters["filters"]) == (parent, 4)


@pytest.mark.parametrize("query", ["run=x", "run=999999"])
def test_a_run_that_is_not_there_cannot_be_the_start(client, rosa, query):
    make_dataset()
    assert client.get(f"{reverse('sweep_new')}?{query}").status_code == 404


@pytest.mark.parametrize(
    ("changes", "place", "sentence"),
    [
        ({"values_1": "0, 2"}, "values_1", "Must be at most 0.9"),
        ({"field_1": ""}, "field_1", "Which hyperparameter are these values of?"),
        ({"field_1": "learning_rate"}, "field_1", "This one stands above already."),
        ({"field_1": "validation_share"}, "field_1", "not one of the available choices"),
        ({"max_runs": 5}, "max_runs", "The grid has 6 combinations, the budget is 5 runs"),
        ({"max_runs": 1000}, "max_runs", "less than or equal to 100"),
        ({"recipe": "nonsense"}, "recipe", "There is no recipe called nonsense."),
        ({"field_0": "", "values_0": "", "field_1": "", "values_1": ""}, "__all__", "at least one"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(client, rosa, changes, place, sentence):
    answer = client.post(reverse("sweep_new"), filled_in(make_dataset(), **changes))
    assert answer.status_code == 422
    assert sentence in " ".join(answer.context["form"].errors[place])
    assert not Sweep.objects.exists()


def test_the_plan_tells_runs_epochs_and_time_before_anything_is_launched(client, rosa):
    answer = client.post(reverse("sweep_plan"), filled_in(make_dataset()))
    assert (answer.context["estimate"].runs, answer.context["estimate"].epochs) == (6, 12)
    page = answer.content.decode()
    assert "No run on this dataset has been timed yet" in page
    assert page.count("<tr>") == 7
    assert not TrainingRun.objects.exists()


def test_a_plan_that_cannot_be_says_why(client, rosa):
    answer = client.post(reverse("sweep_plan"), filled_in(make_dataset(), max_runs=2))
    assert answer.status_code == 200
    assert "6 combinations" in answer.content.decode()


def test_the_page_shows_the_best_and_asks_again_while_runs_are_left(client, rosa):
    sweep = make_sweep(rosa)
    page = client.get(reverse("sweep", args=[sweep.pk])).content.decode()
    assert "hx-get" in page
    assert "Cancel all" in page
    assert "No epoch is over yet" in page
    sweeps.cancel_sweep(sweep, by=rosa)
    page = client.get(reverse("sweep", args=[sweep.pk])).content.decode()
    assert "hx-get" not in page
    assert "Cancel all" not in page


def test_a_sweep_with_no_worker_says_how_to_start_one(client, rosa, redis_url):
    page = client.get(reverse("sweep", args=[make_sweep(rosa).pk])).content.decode()
    assert "No training worker is alive" in page
    assert "celery -A digitsite worker" in page


def test_text_of_people_is_escaped(client, rosa):
    sweep = make_sweep(rosa)
    Sweep.objects.update(note="<script>alert(1)</script>")
    for url in (reverse("sweep", args=[sweep.pk]), reverse("sweeps")):
        assert "<script>alert(1)" not in client.get(url).content.decode()


def test_the_owner_cancels_all_and_a_stranger_cannot(client, rosa):
    own, other = make_sweep(rosa), make_sweep()
    client.post(reverse("sweep_cancel", args=[own.pk]))
    assert set(own.runs.values_list("status", flat=True)) == {"cancelled"}
    assert client.post(reverse("sweep_cancel", args=[other.pk])).status_code == 403


def test_without_sweeps_the_list_says_what_one_is(client, rosa):
    assert "No sweep yet" in client.get(reverse("sweeps")).content.decode()


def test_ticks_of_the_list_survive_its_refresh(client, rosa):
    ticked, other = make_run(rosa), make_run(rosa)
    answer = client.get(
        reverse("runs"), {"run": [ticked.pk, "x"]}, headers={"HX-Request": "true"}
    ).content.decode()
    assert f'id="pick-{ticked.pk}" aria-label="Compare run {ticked.pk}" checked' in answer
    assert f'id="pick-{other.pk}" aria-label="Compare run {other.pk}">' in answer
    assert f"run={ticked.pk}" not in answer  # the ticks themselves say so at the next refresh


def test_runs_are_compared_by_their_numbers(client, rosa):
    dataset = make_dataset()
    runs = [make_run(rosa, dataset), make_run(rosa, dataset)]
    url = reverse("run_compare")
    page = client.get(url, {"run": [run.pk for run in runs]}).content.decode()
    assert "2 runs side by side" in page
    assert "these runs have the same hyperparameters" in page
    page = client.get(url, {"run": [runs[0].pk, 10**12, "x", "9" * 40]}).content.decode()
    assert "3 of the runs asked for do not exist" in page
    assert "Choose runs" in page
    assert "No run chosen" in client.get(url).content.decode()
