import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from digitsite.accounts import limits
from digitsite.accounts.rate import Rate
from digitsite.accounts.roles import Role
from tests.factories import make_user
from tests.training.ml.synthetic import synthetic_digits
from tests.training.ml.uploads import material
from training import wakeups
from training.forms import LaunchForm
from training.models import DatasetUpload
from training.services import dataset_uploads

pytestmark = pytest.mark.django_db
DIGITS = synthetic_digits(21, train=20, test=1)


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    monkeypatch.setattr(wakeups, "wake_default", lambda *_: True)


@pytest.fixture
def client():
    client = Client()
    client.force_login(make_user(Role.RESEARCHER, "rosa"))
    return client


def archive(more: dict[str, bytes] | None = None) -> SimpleUploadedFile:
    members = material.folders(DIGITS.train_images, DIGITS.train_labels) | (more or {})
    return SimpleUploadedFile("<b>blocks.zip", material.zip_bytes(members))


def upload(client, file=None, **fields):
    values = {"name": "Blocks", "split": "train", "files": file or archive()} | fields
    return client.post(reverse("upload_new"), values)


def test_an_upload_leads_to_its_page_and_to_a_dataset_that_can_be_trained_on(client):
    bad = archive({"<script>/a.png": b"", "0/b.png": b"nothing"})
    answer = upload(client, bad, description="Twenty blocks, <i>mine</i>")
    found = DatasetUpload.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, reverse("upload", args=[found.pk]))
    page = client.get(answer["Location"]).content.decode()
    assert "Waiting for a worker" in page
    assert "&lt;b&gt;blocks.zip" in page
    assert 'hx-trigger="every 1s"' in page

    dataset_uploads.import_upload(found.pk)
    found.refresh_from_db()
    page = client.get(answer["Location"]).content.decode()
    assert "hx-trigger" not in page
    assert "&lt;script&gt;/a.png" in page
    assert "This is neither a PNG nor a JPEG picture" in page
    assert f"{reverse('run_new')}?dataset={found.dataset_id}" in page
    assert found.dataset in LaunchForm().fields["dataset"].queryset

    page = client.get(reverse("dataset", args=[found.dataset_id])).content.decode()
    assert "Twenty blocks, &lt;i&gt;mine&lt;/i&gt;" in page
    assert "22 images read, 2 left out" in page
    assert reverse("upload", args=[found.pk]) in page

    report = client.get(reverse("upload_report", args=[found.pk]))
    assert report["Content-Type"].startswith("text/csv")
    assert report["Content-Disposition"].startswith("attachment")
    assert report.content.decode().splitlines()[0] == "file,place,reason"
    assert len(report.content.decode().splitlines()) == 3


def test_a_refusal_is_shown_with_the_file_the_place_and_what_was_expected(client):
    upload(client, SimpleUploadedFile("a.csv", b"label,x\n1,2\n"))
    found = DatasetUpload.objects.get()
    dataset_uploads.import_upload(found.pk)
    page = client.get(reverse("upload", args=[found.pk])).content.decode()
    assert "No dataset was made" in page
    assert "a.csv, line 1: expected 785 columns" in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"files": ""}, "Choose a file."),
        ({"files": SimpleUploadedFile("a.csv", b"")}, "This file is empty."),
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 61}, "at most 60 characters"),
        ({"split": "holdout"}, "not one of the available choices"),
        ({"name": "a\u202eb"}, "one line of printable text"),
    ],
)
def test_what_is_missing_is_said_at_its_field_and_nothing_is_kept(client, fields, said):
    values = {"name": "Blocks", "split": "train", "files": archive()} | fields
    answer = client.post(reverse("upload_new"), values)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not DatasetUpload.objects.exists()


def test_scripts_are_led_on_by_a_header(client):
    answer = client.post(
        reverse("upload_new"),
        {"name": "Blocks", "split": "test", "files": archive()},
        headers={"HX-Request": "true"},
    )
    found = DatasetUpload.objects.get()
    assert answer["HX-Redirect"] == reverse("upload", args=[found.pk])
    assert found.split == "test"


def test_uploads_have_a_rate(client, monkeypatch):
    monkeypatch.setattr(limits, "uploads", Rate("uploads", per_second=0.01, burst=1))
    assert upload(client).status_code == 302
    answer = upload(client)
    assert answer.status_code == 429
    assert "Too many uploads" in answer.content.decode()


def test_the_page_of_the_datasets_leads_to_the_form_for_who_may(client):
    assert reverse("upload_new") in client.get(reverse("datasets")).content.decode()
    drawer = Client()
    drawer.force_login(make_user(Role.DRAWER))
    assert reverse("upload_new") not in drawer.get(reverse("datasets")).content.decode()


# --- programs ----------------------------------------------------------------------------------


def test_a_program_uploads_idx_and_asks_until_it_is_done():
    from tests.api_calls import Caller

    caller = Caller(make_user(Role.RESEARCHER))
    files = material.idx_files("x", DIGITS.train_images, DIGITS.train_labels, packed=True)
    answer = caller.client.post(
        "/api/v1/datasets",
        {
            "name": "Blocks",
            "licence": "CC0",
            "file": [SimpleUploadedFile(name, content) for name, content in files.items()],
        },
        headers=caller.headers,
    )
    assert answer.status_code == 202, answer.content
    made = answer.json()
    assert [file["name"] for file in made["files"]] == list(files)
    assert "stored" not in made["files"][0]
    dataset_uploads.import_upload(made["id"])
    status, done = caller.get(f"/datasets/uploads/{made['id']}")
    assert (status, done["status"], done["is_new"]) == (200, "done", True)
    assert caller.get(f"/datasets/{done['dataset']}")[1]["train_count"] == 20
    listed = caller.client.get(
        f"/api/v1/datasets/uploads/{made['id']}/left-out.csv", headers=caller.headers
    )
    assert listed.content == b"file,place,reason\r\n"


def test_a_program_is_told_what_is_wrong_in_the_shape_of_errors():
    from tests.api_calls import Caller

    caller = Caller(make_user(Role.RESEARCHER))

    def post(**fields):
        answer = caller.client.post("/api/v1/datasets", fields, headers=caller.headers)
        return answer.status_code, answer.json()["error"]

    status, error = post(name="Blocks")
    assert (status, error["code"]) == (422, "invalid")
    assert "file" in error["message"]
    status, error = post(name=" ", file=archive())
    assert (status, error["message"]) == (422, "A name has 1 to 60 characters, got 0.")
    assert caller.get("/datasets/uploads/99")[0] == 404
