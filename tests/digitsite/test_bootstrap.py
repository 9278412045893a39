"""The first start: every step sees what is done already, and goes on from there."""

import io
from types import SimpleNamespace

import pytest
from django.contrib.auth import authenticate

from digitsite import bootstrap
from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability, Role
from digitsite.bootstrap import BootstrapError
from digitsite.supervisor.console import Console
from inference import registry
from inference.models import Promotion
from tests import factories
from training.models import TrainingRun
from training.services import outcomes
from training.services.claims import claim_run
from training.services.evaluations import evaluate

pytestmark = pytest.mark.django_db
Status = TrainingRun.Status


@pytest.fixture
def console() -> Console:
    return Console(io.StringIO())


@pytest.fixture
def dataset(monkeypatch):
    dataset = factories.make_dataset()
    monkeypatch.setattr(bootstrap, "import_mnist", lambda: dataset)
    return dataset


@pytest.fixture
def during_the_wait(monkeypatch):
    """Calls the given function instead of every pause, on a clock that runs a minute a pause."""
    state = SimpleNamespace(action=lambda: None, now=0.0)

    def sleep(seconds: float) -> None:
        assert state.now < 3600, "it waits for ever"
        state.now += 60
        state.action()

    clock = SimpleNamespace(sleep=sleep, monotonic=lambda: state.now)
    monkeypatch.setattr(bootstrap, "time", clock)

    def install(action):
        state.action = action

    return install


# --- the administrator --------------------------------------------------------------------------


def test_the_first_administrator_gets_a_password_that_is_told_once(settings):
    settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD = "head", ""
    admin = bootstrap.first_admin()
    assert admin.created
    user = User.objects.get(username="head")
    assert user.check_password(admin.password)
    assert user.is_staff
    assert user.can(Capability.ADMINISTER)
    assert user.groups.filter(name=Role.ADMIN).exists()
    again = bootstrap.first_admin()
    assert (again.created, again.password) == (False, "")


def test_a_given_password_is_taken_and_not_repeated(settings, rf):
    settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD = "head", "given to me"
    assert bootstrap.first_admin().password == ""
    assert authenticate(rf.post("/sign-in/"), username="head", password="given to me")


def test_an_existing_administrator_keeps_name_and_password(settings):
    User.objects.create_superuser("old", password="old password")
    settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD = "new", "new password"
    assert bootstrap.first_admin().username == "old"
    assert User.objects.count() == 1
    assert User.objects.get().check_password("old password")


def test_a_name_that_is_none_is_refused(settings):
    settings.ADMIN_USERNAME = "two words"
    with pytest.raises(BootstrapError, match="DIGITSITE_ADMIN_USERNAME='two words'"):
        bootstrap.first_admin()


# --- the first model ----------------------------------------------------------------------------


def test_a_site_with_a_production_model_needs_nothing(console, monkeypatch):
    run = factories.make_succeeded_run(evaluated=True)
    bootstrap.promote(run.model_version, by=None, reason="chosen by hand")
    monkeypatch.setattr(bootstrap, "import_mnist", lambda: pytest.fail("imported again"))
    assert bootstrap.first_model(console) == run.model_version
    assert console.stream.getvalue() == ""


def test_a_model_that_was_trained_but_not_promoted_is_promoted(console, dataset):
    run = factories.make_succeeded_run(evaluated=True)
    assert bootstrap.first_model(console) == run.model_version == registry.production()
    assert "100.00%" in Promotion.objects.get().reason
    assert TrainingRun.objects.count() == 1


def _train_tiny(run: TrainingRun) -> None:
    """What the worker does, with the factories' ONNX file."""
    claim = claim_run(run.pk, "test:1")
    if claim is not None:
        factories.finish_run(claim)
        evaluate(run.evaluations.get().pk)


def test_a_new_site_queues_one_run_follows_it_and_promotes_its_model(
    console, dataset, during_the_wait
):
    bootstrap.first_admin()
    during_the_wait(lambda: _train_tiny(TrainingRun.objects.get()))
    model = bootstrap.first_model(console)
    assert registry.production() == model
    assert (model.run.recipe, model.run.note) == (bootstrap.DEFAULT_RECIPE, bootstrap.NOTE)
    said = console.stream.getvalue()
    for words in ("MNIST", "Training", "Evaluation", f"{model} serves"):
        assert words in said


def test_a_run_under_way_is_followed_and_no_other_is_made(console, dataset, during_the_wait):
    under_way, claim = factories.make_running_run()
    during_the_wait(
        lambda: (
            (factories.finish_run(claim), evaluate(under_way.evaluations.get().pk))
            if not under_way.evaluations.exists()
            else None
        )
    )
    assert bootstrap.first_model(console).run == under_way


def test_a_failed_first_run_is_tried_again(console, dataset, during_the_wait):
    run = factories.make_run(note=bootstrap.NOTE, status=Status.FAILED)
    during_the_wait(lambda: _train_tiny(run))
    assert bootstrap.first_model(console).run == run


def test_a_cancelled_first_run_stays_cancelled(console, dataset):
    factories.make_run(note=bootstrap.NOTE, status=Status.CANCELLED)
    with pytest.raises(BootstrapError, match="was cancelled"):
        bootstrap.first_model(console)
    assert TrainingRun.objects.get().status == Status.CANCELLED


def test_a_run_that_fails_ends_the_wait_with_its_own_sentence(console, dataset, during_the_wait):
    run, claim = factories.make_running_run()
    during_the_wait(lambda: outcomes.failed(claim, "The disk is full.", ""))
    with pytest.raises(BootstrapError, match=f"Run {run.pk} failed. The disk is full."):
        bootstrap.first_model(console)


def test_a_run_that_nobody_takes_is_told_and_waited_for(console, dataset, during_the_wait):
    run = factories.make_run()
    pauses = []

    def take_it_at_last():
        pauses.append(1)
        if len(pauses) > 5:
            _train_tiny(run)

    during_the_wait(take_it_at_last)
    bootstrap.first_model(console)
    assert console.stream.getvalue().count("No training worker has taken the run") == 1


def test_a_file_storage_that_is_away_is_said_in_a_sentence(console, monkeypatch):
    def refuse() -> None:
        raise ConnectionError("the file storage does not answer")

    monkeypatch.setattr(bootstrap, "import_mnist", refuse)
    with pytest.raises(bootstrap.BootstrapError, match="cannot be stored: the file storage does"):
        bootstrap.first_model(console)
