"""Promotion: append-only, with a reason, and only of files that are what was registered."""

from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from digitsite.accounts.roles import Role
from inference import registry
from inference.models import Promotion
from inference.models.append_only import AppendOnlyError
from inference.services import judging
from inference.services.promotion import REASON_MAX, GateRefused, PromotionError, promote
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_evaluation, make_version
from training.models import Evaluation
from training.services.evaluations import evaluate

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


@pytest.fixture
def blocked(versions):
    """v1 serves, and v2 is significantly worse."""
    promote(versions[0], by=None, reason="first")
    make_evaluation(versions[1], versions[0].run.dataset, range(7))
    return versions


def test_a_blocked_model_does_not_serve_and_the_reasons_are_told(blocked, ada):
    with pytest.raises(GateRefused, match=r"The gate blocks v2\. On Blocks v1, v2 is sig"):
        promote(blocked[1], by=ada, reason="because")
    assert registry.production() == blocked[0]


def test_an_override_is_kept_with_the_whole_report_and_the_reason(blocked, ada):
    promotion = promote(blocked[1], by=ada, reason="for the lesson", override=True)
    report = Promotion.objects.get(pk=promotion.pk).gate_report
    assert (report["verdict"], report["overridden"]) == ("blocked", True)
    assert report["splits"][0]["broken"] == 7
    assert "significantly worse" in report["reasons"][0]


def test_an_override_that_was_not_needed_is_none(versions, ada):
    promote(versions[0], by=None, reason="first", override=True)
    assert (
        promote(versions[1], by=ada, reason="x", override=True).gate_report["overridden"] is False
    )


def test_a_model_that_is_not_judged_waits_and_is_judged(versions, ada):
    promote(versions[0], by=None, reason="first")
    versions[1].run.evaluations.all().delete()
    with pytest.raises(GateRefused, match=r"has not decided on v2 yet: .* v2 is being judged on"):
        promote(versions[1], by=ada, reason="because")
    assert versions[1].run.evaluations.get().status == "pending"
    evaluate(versions[1].run.evaluations.get().pk)
    assert promote(versions[1], by=ada, reason="because").gate_report["verdict"] == "passed"


def test_going_back_skips_the_gate_and_the_report_says_so(blocked, ada):
    promote(blocked[1], by=ada, reason="for the lesson", override=True)
    assert promote(blocked[0], by=ada, reason="back").gate_report["verdict"] == "served_before"
    report = promote(blocked[1], by=ada, reason="again").gate_report
    assert (report["verdict"], report["overridden"]) == ("served_before", False)
    assert "skips the gate" in report["note"]


def test_the_history_cannot_be_changed_or_deleted(versions):
    promotion = promote(versions[0], by=None, reason="first")
    promotion.reason = "second"
    for change in (
        promotion.save,
        promotion.delete,
        Promotion.objects.all().delete,
        versions[0].promotions.all().delete,
        lambda: Promotion.objects.filter(pk=promotion.pk).update(reason="second"),
        lambda: Promotion.objects.bulk_update([promotion], ["reason"]),
    ):
        with pytest.raises(AppendOnlyError):
            change()
    assert Promotion.objects.get().reason == "first"


def test_a_model_is_judged_for_the_gate_as_soon_as_it_is_registered():
    mnist = make_dataset(1, name="MNIST", kind="mnist")
    drawings = make_dataset(2, name="Drawings", kind="drawings", test=50)
    first = make_version(dataset=mnist, evaluated=True)
    assert first.run.evaluations.count() == 1  # nothing serves: nothing to compare with
    promote(first, by=None, reason="first")
    other = make_version(dataset=make_dataset(3))
    judged = {(row.dataset, row.split) for row in other.run.evaluations.all()}
    assert judged == {(other.run.dataset, "test"), (mnist, "test"), (drawings, "test")}
    assert {row.dataset for row in first.run.evaluations.all()} == {mnist, drawings}


def test_new_frozen_drawings_judge_all_that_served_and_what_waits():
    mnist = make_dataset(1, name="MNIST", kind="mnist")
    owner = make_user()
    versions = [make_version(owner=owner, dataset=mnist, evaluated=True) for _ in range(4)]
    for version in versions[:3:2]:  # v1 and v3
        promote(version, by=None, reason="because")
    drawings = make_dataset(2, name="Drawings", kind="drawings", test=10)
    judging.request_for_rounds()
    judged = Evaluation.objects.filter(dataset=drawings).values_list("run__model_version__number")
    assert sorted(number for (number,) in judged) == [1, 3, 4]


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


def test_the_command_judges_what_is_missing_by_itself(versions):
    promote(versions[0], by=None, reason="first")
    versions[1].run.evaluations.all().delete()
    out = StringIO()
    call_command("promote", "2", reason="better", stdout=out)
    assert registry.production() == versions[1]
    assert "Judging v2" in out.getvalue()
    assert "not significantly worse" in out.getvalue()


def test_the_command_is_blocked_as_people_are_and_overrides(blocked):
    with pytest.raises(CommandError, match=r"significantly worse than v1.*With --override"):
        call_command("promote", "2", reason="because")
    call_command("promote", "2", "--override", reason="because", stdout=StringIO())
    assert registry.production() == blocked[1]
    assert Promotion.objects.first().gate_report["overridden"]
