"""The pages that make datasets of drawings, and the API's."""

import pytest
from django.urls import reverse

from digitsite.accounts.roles import Role
from inference.models import Snapshot
from inference.services.snapshots import make_snapshot
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_drawing
from training.ml.preprocess import CONTRACT_ID
from training.models import Dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def rita(client):
    rita = make_user(Role.RESEARCHER, "rita")
    client.force_login(rita)
    return rita


def settle_one(image: int = 7) -> None:
    make_drawing(
        status="confirmed", settled_label=3, image=bytes([image]) * 784, contract_id=CONTRACT_ID
    )


def test_without_settled_drawings_the_page_says_what_is_missing(client, rita):
    page = client.get(reverse("snapshot_new")).content.decode()
    assert "No drawing is settled yet" in page
    assert reverse("draw") in page
    make_drawing()
    assert "1 drawing waits for review" in client.get(reverse("snapshot_new")).content.decode()


def test_one_click_asks_for_the_datasets_and_the_page_follows(client, rita):
    make_dataset(1, name="MNIST", kind=Dataset.Kind.MNIST)
    settle_one()
    assert "What goes in" in client.get(reverse("snapshot_new")).content.decode()

    response = client.post(reverse("snapshot_new"), {"percent": "20", "name": "Drawings"})

    snapshot = Snapshot.objects.get()
    assert (snapshot.asked_by, snapshot.mnist_share) == (rita, 0.8)
    assert response["Location"] == reverse("snapshot", args=[snapshot.pk])
    page = client.get(response["Location"]).content.decode()
    assert "Waiting for a worker" in page
    assert 'hx-trigger="every 1s"' in page

    make_snapshot(snapshot.pk)
    page = client.get(response["Location"], headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in page
    snapshot.refresh_from_db()
    assert f"{reverse('run_new')}?dataset={snapshot.mixed_id}" in page


def test_the_page_says_when_nothing_is_new(client, rita):
    settle_one()
    for _ in range(2):
        client.post(reverse("snapshot_new"), {"percent": "20", "name": "Drawings"})
        newest = Snapshot.objects.first()
        make_snapshot(newest.pk)
    page = client.get(reverse("snapshot", args=[newest.pk])).content.decode()
    assert "Nothing new since Drawings v1" in page
    assert "Nothing new since" in client.get(reverse("snapshot_new")).content.decode()


@pytest.mark.parametrize("percent", ["0", "100", "many", ""])
def test_a_share_out_of_range_is_refused_beside_its_field(client, rita, percent):
    settle_one()
    response = client.post(reverse("snapshot_new"), {"percent": percent, "name": "Drawings"})
    assert response.status_code == 422
    assert 'id="percent-error"' in response.content.decode()
    assert not Snapshot.objects.exists()


def test_the_mixture_is_told_while_the_share_is_typed(client, rita):
    make_dataset(1, train=90, name="MNIST", kind=Dataset.Kind.MNIST)
    settle_one()
    page = client.get(
        reverse("snapshot_new"), {"percent": "10"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "each drawing 10 times" in page
    for nonsense in ("", "0", "-3", "1e9", "³"):
        response = client.get(
            reverse("snapshot_new"), {"percent": nonsense}, headers={"HX-Request": "true"}
        )
        assert response.status_code == 200


def test_the_api_takes_a_wish_and_tells_what_came_of_it(client, rita):
    settle_one()
    response = client.post("/api/v1/snapshots", {"mnist_share": 2}, "application/json")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "conflict")

    response = client.post("/api/v1/snapshots", {"mnist_share": 0.5}, "application/json")
    assert response.status_code == 202
    pk = response.json()["id"]
    make_snapshot(pk)
    told = client.get(f"/api/v1/snapshots/{pk}").json()
    assert (told["status"], told["mixed"]) == ("done", None)
    assert client.get(f"/api/v1/datasets/{told['drawings']}").json()["train_count"] == 1
    assert client.get("/api/v1/snapshots/999").status_code == 404
