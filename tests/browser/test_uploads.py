"""Uploading a dataset in a real browser: the form, its progress, the report, a launch from it."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from digitsite.accounts.roles import Role
from tests.factories import make_user
from tests.training.ml.synthetic import synthetic_digits
from tests.training.ml.uploads import material
from training import wakeups
from training.models import DatasetUpload
from training.services import dataset_uploads

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    monkeypatch.setattr(wakeups, "wake_default", lambda *_: True)


def test_a_zip_is_uploaded_reported_and_launched_from(live_server, open_page, tmp_path):
    digits = synthetic_digits(41, train=20, test=1)
    members = material.folders(digits.train_images, digits.train_labels)
    file = tmp_path / "blocks.zip"
    file.write_bytes(material.zip_bytes(members | {"3/broken.png": b"nothing"}))
    page = open_page(live_server.url + reverse("datasets"), make_user(Role.RESEARCHER))
    page.get_by_role("link", name="Upload one").click()

    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("Choose a file.")).to_be_visible()
    assert not DatasetUpload.objects.exists()

    page.get_by_label("File").set_input_files(file)
    page.get_by_label("Name").fill("Blocks of class 4b")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()

    upload = DatasetUpload.objects.get()
    dataset_uploads.import_upload(upload.pk)
    expect(page.get_by_role("heading", name="Left out: 1")).to_be_visible()
    page.get_by_text("One by one").click()
    expect(page.get_by_role("cell", name="3/broken.png")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="The whole list").click()
    assert "3/broken.png" in download.value.path().read_text()

    page.get_by_role("link", name="Train on it").click()
    expect(page).to_have_url(re.compile("/runs/new/"))
    upload.refresh_from_db()
    expect(page.get_by_label("Dataset", exact=True)).to_have_value(str(upload.dataset_id))


def test_a_file_that_is_too_large_is_not_even_sent(live_server, open_page, tmp_path, settings):
    settings.UPLOAD_MAX_BYTES = 1000
    file = tmp_path / "large.csv"
    file.write_bytes(b"x" * 2000)
    page = open_page(live_server.url + reverse("upload_new"), make_user(Role.RESEARCHER))
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    page.get_by_label("File").set_input_files(file)
    page.get_by_label("Name").fill("Large")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("An upload has at most 1,000 bytes, these are 2,000.")).to_be_visible()
    assert "POST" not in sent
