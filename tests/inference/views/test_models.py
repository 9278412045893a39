"""Model pages: list, detail, downloads, promotion."""

import hashlib
import re

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from digitsite.accounts.roles import Role
from inference import registry
from inference.models import Promotion
from inference.services.promotion import promote
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_evaluation, make_version, streamed

pytestmark = pytest.mark.django_db


@pytest.fixture
def versions():
    owner, dataset = make_user(username="remy"), make_dataset()
    return [make_version(owner=owner, dataset=dataset, evaluated=True) for _ in range(2)]


def sign_in(client, role: Role):
    person = make_user(role)
    client.force_login(person)
    return person


def test_without_models_the_list_says_what_to_do(client):
    sign_in(client, Role.RESEARCHER)
    page = client.get(reverse("models")).content.decode()
    assert "No model yet" in page
    assert reverse("run_new") in page


def test_the_list_shows_every_version_and_marks_the_one_that_serves(client, versions):
    sign_in(client, Role.DRAWER)
    promote(versions[0], by=None, reason="first")
    response = client.get(reverse("models"))
    assert [(row["version"].number, row["serves"]) for row in response.context["rows"]] == [
        (2, False),
        (1, True),
    ]
    assert response.content.decode().count("badge--production") == 2  # in the list, in the history


def test_the_list_costs_the_same_however_many_versions(
    client, versions, django_assert_max_num_queries
):
    sign_in(client, Role.DRAWER)
    with django_assert_max_num_queries(40) as few:
        client.get(reverse("models"))
    for _ in range(3):
        make_version(evaluated=True, dataset=make_dataset())
    with django_assert_max_num_queries(len(few)):
        client.get(reverse("models"))


def test_the_detail_shows_accuracy_digests_and_proof(client, versions):
    sign_in(client, Role.DRAWER)
    page = client.get(reverse("model", args=[1])).content.decode()
    run = versions[0].run
    for artifact in run.artifacts.values():
        assert artifact["sha256"] in page
    assert "all 64 test images" in page
    assert "1.0e-07" in page
    assert reverse("evaluation", args=[run.evaluations.get().pk]) in page
    assert versions[0].contract_id in page


def test_a_version_without_an_evaluation_says_so(client):
    version = make_version()
    sign_in(client, Role.DRAWER)
    for url in (reverse("models"), reverse("model", args=[version.number])):
        page = client.get(url).content.decode()
        assert "not evaluated yet" in page or "not finished yet" in page


def test_an_unknown_version_is_not_found(client):
    sign_in(client, Role.DRAWER)
    assert client.get(reverse("model", args=[7])).status_code == 404


@pytest.mark.parametrize("format", ["onnx", "keras", "h5"])
def test_a_download_gives_the_registered_bytes(client, versions, format):
    sign_in(client, Role.RESEARCHER)
    response = client.get(reverse("model_download", args=[1, format]))
    stored = versions[0].run.artifacts[format]
    body = b"".join(streamed(response.streaming_content))
    assert hashlib.sha256(body).hexdigest() == stored["sha256"]
    assert response["Content-Length"] == str(len(body))
    assert response["Content-Disposition"] == f'attachment; filename="digitsite-v1.{format}"'


@pytest.mark.parametrize("format", ["pkl", "h5py", "ONNX"])
def test_there_are_no_other_formats(client, versions, format):
    sign_in(client, Role.RESEARCHER)
    assert client.get(reverse("model_download", args=[1, format])).status_code == 404


def test_a_file_lost_from_the_storage_is_not_found(client, versions):
    sign_in(client, Role.RESEARCHER)
    default_storage.delete(versions[0].run.artifacts["h5"]["name"])
    assert client.get(reverse("model_download", args=[1, "h5"])).status_code == 404


@pytest.mark.parametrize("role", [Role.DRAWER, Role.REVIEWER])
def test_without_the_right_there_is_neither_button_nor_download(client, versions, role):
    sign_in(client, role)
    url = reverse("model_download", args=[1, "onnx"])
    assert url not in client.get(reverse("model", args=[1])).content.decode()
    assert client.get(url).status_code == 403


def test_an_admin_promotes_with_a_reason_and_rolls_back(client, versions):
    ada = sign_in(client, Role.ADMIN)
    for number in (1, 2, 1):
        url = reverse("model_promote", args=[number])
        answer = client.post(url, {"reason": f"take {number}"}, follow=True)
        assert f"v{number} serves now" in answer.content.decode()
    assert registry.production().number == 1
    assert set(Promotion.objects.values_list("promoted_by", flat=True)) == {ada.pk}


def test_a_version_that_served_before_offers_a_roll_back_with_its_reason(client, versions):
    sign_in(client, Role.ADMIN)
    for version in versions:
        promote(version, by=None, reason="because")
    page = client.get(reverse("model", args=[1])).content.decode()
    assert "Roll back to v1" in page
    assert "Rolled back from v2 to v1." in page
    assert "skips the gate" in page


@pytest.mark.parametrize("name", ["models", "model"])
def test_one_click_on_the_list_or_the_production_model_rolls_back(client, versions, name):
    sign_in(client, Role.ADMIN)
    for version in versions:
        promote(version, by=None, reason="because")
    page = client.get(reverse(name, args=[2] if name == "model" else [])).content.decode()
    form = page[page.index(f'action="{reverse("model_promote", args=[1])}"') :]
    (reason,) = re.findall(r'name="reason" value="([^"]+)"', form[: form.index("</form>")])
    client.post(reverse("model_promote", args=[1]), {"reason": reason})
    assert registry.production() == versions[0]
    newest = Promotion.objects.first()
    assert newest.reason == "Rolled back from v2 to v1."
    assert newest.gate_report["verdict"] == "served_before"


def test_only_admins_roll_back(client, versions):
    sign_in(client, Role.RESEARCHER)
    for version in versions:
        promote(version, by=None, reason="because")
    for url in (reverse("models"), reverse("model", args=[2])):
        assert "Roll back" not in client.get(url).content.decode()


@pytest.fixture
def blocked(versions):
    """v1 serves; v2 breaks seven images."""
    promote(versions[0], by=None, reason="first")
    make_evaluation(versions[1], versions[0].run.dataset, range(7))
    return versions


def test_a_blocked_model_shows_reasons_images_and_no_way_to_promote(client, blocked):
    sign_in(client, Role.ADMIN)
    page = client.get(reverse("model", args=[2])).content.decode()
    assert "Blocked by the gate" in page
    assert "v2 is significantly worse than v1" in page
    dataset = blocked[0].run.dataset
    assert reverse("dataset_image", args=[dataset.pk, "test", 6]) in page
    evaluation = blocked[1].run.evaluations.get()
    assert reverse("evaluation_image", args=[evaluation.pk, 6]) in page
    link = f"{reverse('models_compare')}?a=1&amp;b=2&amp;dataset={dataset.pk}&amp;split=test"
    assert link in page
    assert 'aria-disabled="true"' in page
    answer = client.post(reverse("model_promote", args=[2]), {"reason": "I like it"})
    assert answer.status_code == 409
    assert "I like it" in answer.content.decode()
    assert registry.production() == blocked[0]


def test_an_admin_overrides_and_the_history_shows_it(client, blocked):
    sign_in(client, Role.ADMIN)
    data = {"reason": "For the lesson on errors", "override": "yes"}
    page = client.post(reverse("model_promote", args=[2]), data, follow=True).content.decode()
    assert "v2 serves now" in page
    assert "Gate overridden" in page
    assert "v2 is significantly worse than v1" in page
    report = Promotion.objects.first().gate_report
    assert (report["verdict"], report["overridden"]) == ("blocked", True)


@pytest.mark.parametrize("role", [Role.DRAWER, Role.RESEARCHER])
def test_others_see_the_report_and_no_override(client, blocked, role):
    sign_in(client, role)
    page = client.get(reverse("model", args=[2])).content.decode()
    assert "v2 is significantly worse than v1" in page
    assert "verride" not in page


def test_while_a_worker_judges_the_report_asks_again_and_then_reloads_the_page(client, versions):
    sign_in(client, Role.ADMIN)
    promote(versions[0], by=None, reason="first")
    url = reverse("model", args=[2])
    rows = versions[1].run.evaluations
    rows.update(status="pending")
    assert f'hx-get="{url}" hx-trigger="every 2s"' in client.get(url).content.decode()
    headers = {"HX-Request": "true", "HX-Target": "gate-report"}
    assert "HX-Refresh" not in client.get(url, headers=headers)
    rows.update(status="done")
    assert client.get(url, headers=headers)["HX-Refresh"] == "true"


def test_what_nobody_asked_for_can_be_asked_for(
    client, versions, django_capture_on_commit_callbacks
):
    sign_in(client, Role.RESEARCHER)
    promote(versions[0], by=None, reason="first")
    versions[1].run.evaluations.all().delete()
    assert "Judge what is missing" in client.get(reverse("model", args=[2])).content.decode()
    client.post(reverse("model_judge", args=[2]))
    assert versions[1].run.evaluations.get().status == "pending"
    assert "Judge what is missing" not in client.get(reverse("model", args=[2])).content.decode()


def test_a_refused_promotion_keeps_the_form(client, versions):
    sign_in(client, Role.ADMIN)
    answer = client.post(reverse("model_promote", args=[1]), {"reason": " "})
    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()
    assert registry.production() is None


def test_researchers_do_not_promote(client, versions):
    sign_in(client, Role.RESEARCHER)
    url = reverse("model_promote", args=[1])
    assert url not in client.get(reverse("model", args=[1])).content.decode()
    assert client.post(url, {"reason": "mine"}).status_code == 403
    assert registry.production() is None
