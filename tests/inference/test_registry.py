"""One numbered version for each succeeded run; production is the newest promotion."""

import pytest
from django.db import transaction

from digitsite.accounts.roles import Role
from inference import registry
from inference.models import ModelVersion, Promotion
from inference.registry import RegistrationRefused, register
from tests.factories import make_dataset, make_running_run, make_succeeded_run, make_user
from tests.inference.rows import make_version
from training.ml.preprocess import CONTRACT_ID
from training.models import TrainingRun
from training.services import outcomes

pytestmark = pytest.mark.django_db

PROOF = {"images": 64, "onnx_label_agreement": 1.0, "onnx_max_abs_dp": 1e-7}


def test_a_succeeded_run_is_registered_by_itself():
    run = make_succeeded_run()
    version = ModelVersion.objects.get()
    assert version.run == run
    assert version.number == 1
    assert version.sha256 == run.artifacts["onnx"]["sha256"]
    assert version.contract_id == CONTRACT_ID


def test_numbers_go_up_one_by_one():
    owner, dataset = make_user(), make_dataset()
    numbers = [make_version(owner=owner, dataset=dataset).number for _ in range(3)]
    assert numbers == [1, 2, 3]


def test_registering_again_gives_the_same_version():
    version = make_version()
    assert register(version.run) == version
    assert ModelVersion.objects.count() == 1


def test_a_number_taken_meanwhile_is_passed_over(monkeypatch):
    """As if another run had committed v2 between the look at the numbers and the insert."""
    owner, dataset = make_user(), make_dataset()
    make_version(owner=owner, dataset=dataset)
    second = make_version(owner=owner, dataset=dataset)
    run = second.run
    ModelVersion.objects.filter(pk=second.pk).delete()
    rival = make_succeeded_run(owner=owner, dataset=dataset)
    assert rival.model_version.number == 2
    real, stale = ModelVersion.objects.aggregate, iter([{"newest": 1}])
    monkeypatch.setattr(
        type(ModelVersion.objects),
        "aggregate",
        lambda self, **query: next(stale, None) or real(**query),
    )
    with transaction.atomic():
        assert register(run).number == 3


@pytest.mark.parametrize(
    ("proof", "sentence"),
    [
        ({}, "no proof"),
        (PROOF | {"onnx_label_agreement": 0.99}, "differs from Keras"),
        (PROOF | {"onnx_max_abs_dp": 0.01}, "differs from Keras"),
    ],
)
def test_a_file_that_does_not_answer_as_keras_is_not_registered(proof, sentence):
    version = make_version()
    run = version.run
    version.delete()
    run.export_proof = proof
    with pytest.raises(RegistrationRefused, match=sentence):
        register(run)
    assert not ModelVersion.objects.exists()


def test_a_run_without_an_onnx_file_is_not_registered():
    version = make_version()
    run = version.run
    version.delete()
    run.artifacts = {}
    with pytest.raises(RegistrationRefused, match="no ONNX file"):
        register(run)


def test_a_refused_registration_undoes_the_success():
    run, claim = make_running_run()
    artifacts = {"onnx": {"name": "x", "sha256": "0" * 64, "bytes": 1}}
    with pytest.raises(RegistrationRefused):
        outcomes.succeeded(claim, weights_digest="", artifacts=artifacts, export_proof={})
    run.refresh_from_db()
    assert run.status == TrainingRun.Status.RUNNING


def test_nothing_serves_before_the_first_promotion():
    make_version()
    assert registry.production() is None


def test_production_is_the_model_of_the_newest_promotion():
    owner, dataset = make_user(Role.ADMIN), make_dataset()
    older = make_version(owner=owner, dataset=dataset)
    newer = make_version(owner=owner, dataset=dataset)
    for version in (older, newer, older):
        Promotion.objects.create(model=version, promoted_by=owner, reason="because")
    assert registry.production() == older
