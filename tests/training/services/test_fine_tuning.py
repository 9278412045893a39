"""Runs that start from another run's model: form, API, command line and trainer."""

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from digitsite.accounts.models import User
from digitsite.accounts.roles import Role
from tests.api_calls import Caller
from tests.factories import (
    TINY,
    make_dataset,
    make_run,
    make_running_run,
    make_succeeded_run,
    make_user,
)
from training import storage
from training.forms import LaunchForm
from training.ml import checkpoint
from training.ml.checkpoint import Checkpoint
from training.ml.initial import fine_tuning
from training.models import TrainingRun
from training.services import runs
from training.services.claims import claim_run
from training.services.heartbeat import Stop
from training.services.runs import RunError
from training.services.trainer import Outcome, train
from training.starting_points import starting_point


def start_and_train(run: TrainingRun) -> Outcome:
    return train(claim_run(run.pk, "test:1"), Stop())


def fine_tuned(source: TrainingRun, **fields) -> TrainingRun:
    values = {
        "owner": source.owner,
        "dataset": source.dataset,
        "recipe": source.recipe,
        "hyperparameters": fine_tuning(TINY),
    }
    return runs.create_run(**values | fields, initial_run=source)


@pytest.mark.django_db(transaction=True)
@pytest.mark.tensorflow
def test_a_model_is_trained_further_from_its_stored_weights(settings, tmp_path):
    settings.HOME = tmp_path
    source = make_run()
    assert start_and_train(source) == Outcome.SUCCEEDED
    source.refresh_from_db()

    run = fine_tuned(source)
    assert start_and_train(run) == Outcome.SUCCEEDED

    run.refresh_from_db()
    first, last = source.epoch_metrics.first(), run.epoch_metrics.last()
    assert last.val_loss < first.val_loss
    assert run.weights_digest != source.weights_digest
    assert run.model_version.number == source.model_version.number + 1


@pytest.mark.django_db(transaction=True)
def test_the_trainer_gets_the_checkpoint_that_the_model_ended_with(fake, tmp_path):
    source = make_succeeded_run()
    path = checkpoint.save(tmp_path, Checkpoint(3, [], {"is": "the one"}))
    storage.store(source.checkpoint, path)
    run = fine_tuned(source)

    assert start_and_train(run) == Outcome.SUCCEEDED
    assert fake.initial.sha256 == source.weights_digest


@pytest.mark.django_db(transaction=True)
def test_without_a_source_training_starts_from_random_weights(fake):
    _, claim = make_running_run()
    train(claim, Stop())
    assert fake.initial is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_weights_that_cannot_be_had_fail_the_run_with_a_sentence(fake, tmp_path, damage):
    source = make_succeeded_run()  # its checkpoint is only a name
    if damage == "cut":
        path = checkpoint.save(tmp_path, Checkpoint(3, [], {}))
        path.write_bytes(path.read_bytes()[:-5])
        storage.store(source.checkpoint, path)
    run = fine_tuned(source)
    fake.before_epoch[0] = lambda: fake.initial.fetch()

    assert start_and_train(run) == Outcome.FAILED
    run.refresh_from_db()
    assert f"the checkpoint of run {source.pk} is gone or damaged" in run.error
    assert "from scratch" in run.error


@pytest.mark.django_db
def test_a_run_that_has_no_model_is_no_start():
    with pytest.raises(RunError, match="no finished model"):
        fine_tuned(make_run())


@pytest.mark.django_db
def test_another_network_is_refused_with_both_numbers():
    source = make_succeeded_run()
    with pytest.raises(RunError, match="Filters: the model has 4, this run asks for 8"):
        fine_tuned(source, hyperparameters=TINY.model_copy(update={"filters": 8}))


@pytest.mark.django_db
def test_a_dataset_without_training_images_is_refused():
    with pytest.raises(RunError, match="no training images"):
        make_run(dataset=make_dataset(train=0))


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["v1", "V1", "1", 1])
def test_a_model_is_named_by_its_number(given):
    run = make_succeeded_run()
    assert run.model_version.number == 1
    assert starting_point(given) == run
    assert starting_point("v2") is None
    assert starting_point("one") is None


@pytest.mark.django_db
def test_the_form_for_a_model_is_filled_in_for_fine_tuning(client):
    source = make_succeeded_run()
    other = make_dataset(9)
    client.force_login(make_user(Role.RESEARCHER))

    query = {"initial_run": source.pk, "dataset": other.pk}
    page = client.get(reverse("run_new"), query)
    form = page.context["form"]
    assert "Fine-tune a model" in page.content.decode()
    assert form["epochs"].value() == fine_tuning(TINY).epochs

    data = {bound.name: bound.value() for bound in form}
    data = {name: value for name, value in data.items() if value is not None and value is not False}
    data |= {"dataset": other.pk, "initial_run": source.pk}
    assert client.post(reverse("run_new"), data).status_code == 302
    run = TrainingRun.objects.first()
    assert (run.initial_run, run.dataset) == (source, other)
    assert run.hyperparameters == fine_tuning(TINY).model_dump()
    head = client.get(reverse("run", args=[run.pk])).content.decode()
    assert "fine-tuned from" in head

    response = client.post(reverse("run_new"), data | {"filters": 8})
    assert response.status_code == 422
    assert "the model has 4, this run asks for 8" in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("start", ["x", "999", "-1"])
def test_a_model_that_is_not_there_is_not_found(client, start):
    make_dataset()
    client.force_login(make_user(Role.RESEARCHER))
    assert client.get(reverse("run_new"), {"initial_run": start}).status_code == 404


@pytest.mark.django_db
def test_a_clone_starts_where_its_parent_did():
    source = make_succeeded_run()
    form = LaunchForm.prefilled(parent=fine_tuned(source))
    assert form["initial_run"].value() == source.pk


@pytest.mark.django_db
def test_the_api_fine_tunes_a_model_by_its_number():
    source = make_succeeded_run()
    caller = Caller(source.owner)
    given = {"start_from": 1, "dataset": source.dataset_id}

    status, body = caller.post("/runs", given | {"hyperparameters": {"epochs": 5}})
    assert (status, body["initial_run"]) == (201, source.pk)
    expected = fine_tuning(TINY).model_dump() | {"epochs": 5}
    assert TrainingRun.objects.get(pk=body["id"]).hyperparameters == expected

    status, body = caller.post("/runs", given | {"recipe": "best"})
    assert (status, body["error"]["code"]) == (409, "conflict")
    status, body = caller.post("/runs", given | {"start_from": 7})
    assert (status, body["error"]["code"]) == (422, "unknown_model")


@pytest.mark.django_db(transaction=True)
def test_the_command_fine_tunes_a_model(capsys):
    User.objects.create_superuser("root", password="x")
    source = make_succeeded_run()
    dataset = str(source.dataset_id)
    call_command("train", "--from", "v1", "--dataset", dataset, "--set=seed=3", "--queue")
    run = TrainingRun.objects.first()
    assert run.initial_run == source
    assert run.hyperparameters == fine_tuning(TINY).model_dump() | {"seed": 3}
    with pytest.raises(CommandError, match="There is no model v9"):
        call_command("train", "--from", "v9")
    with pytest.raises(CommandError, match="another network"):
        call_command("train", "--from", "v1", "--dataset", dataset, "--recipe", "best")
