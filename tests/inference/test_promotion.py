"""Promotion: append-only, with a reason, and only of files that are what was registered."""

from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from digitsite.accounts.roles import Role
from inference import registry
from inference.models import Promotion
from inference.services.promotion import REASON_MAX, PromotionError, promote
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make_user(Role.ADMIN, "ada")


@pytest.fixture
def versions():
    owner, dataset = make_user(), make_dataset()
    return [make_version(owner=owner, dataset=dataset, evaluated=True) for _ in range(2)]


def test_promotion_makes_a_model_serve_and_keeps_who_and_why(versions, ada):
    promotion = promote(versions[0], by=ada, reason="  reads sevens  ")
    assert registry.production() == versions[0]
    assert (promotion.promoted_by, promotion.reason) == (ada, "reads sevens")


def test_rolling_back_is_one_more_row(versions, ada):
    for version in (versions[0], versions[1], versions[0]):
        promote(version, by=ada, reason="because")
    assert registry.production() == versions[0]
    assert [row.model for row in Promotion.objects.order_by("id")] == [*versions, versions[0]]


def test_the_history_keeps_what_was_known(versions, ada):
    promote(versions[0], by=None, reason="first")
    report = promote(versions[1], by=ada, reason="second").gate_report
    accuracy = versions[1].run.evaluations.get().accuracy
    assert report["model"]["accuracy"] == accuracy
    assert report["former"]["number"] == versions[0].number


@pytest.mark.parametrize(("reason", "sentence"), [(" ", "Say why"), ("x" * 501, "501 characters")])
def test_a_reason_is_needed_and_fits(versions, ada, reason, sentence):
    assert REASON_MAX == 500
    with pytest.raises(PromotionError, match=sentence):
        promote(versions[0], by=ada, reason=reason)
    assert not Promotion.objects.exists()


def test_what_serves_already_is_not_promoted_again(versions, ada):
    promote(versions[0], by=ada, reason="first")
    with pytest.raises(PromotionError, match="already"):
        promote(versions[0], by=ada, reason="again")
    assert Promotion.objects.count() == 1


def test_a_missing_file_is_not_promoted(versions, ada):
    default_storage.delete(versions[0].run.artifacts["onnx"]["name"])
    with pytest.raises(PromotionError, match="missing"):
        promote(versions[0], by=ada, reason="because")
    assert registry.production() is None


def test_a_damaged_file_is_not_promoted(versions, ada):
    name = versions[0].run.artifacts["onnx"]["name"]
    default_storage.delete(name)
    default_storage.save(name, ContentFile(b"something else"))
    with pytest.raises(PromotionError, match="damaged"):
        promote(versions[0], by=ada, reason="because")


@pytest.mark.parametrize("spelling", ["1", "v1"])
def test_the_command_promotes_by_number(versions, ada, spelling):
    out = StringIO()
    call_command("promote", spelling, reason="by hand", by="ada", stdout=out)
    assert registry.production() == versions[0]
    assert Promotion.objects.get().promoted_by == ada
    assert "v1 serves now" in out.getvalue()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"version": "9"}, "no model v9. Registered: v1, v2"),
        ({"version": "newest"}, "is no version"),
        ({"version": "1", "by": "nobody"}, "nobody called 'nobody'"),
        ({"version": "1", "reason": " "}, "Say why"),
    ],
)
def test_the_command_says_what_is_wrong(versions, arguments, sentence):
    values = {"reason": "because"} | arguments
    with pytest.raises(CommandError, match=sentence):
        call_command("promote", values.pop("version"), **values)
    assert not Promotion.objects.exists()
