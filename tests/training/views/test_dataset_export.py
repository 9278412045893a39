"""Exporting a dataset: from its page, over the API, by `manage.py export_dataset`."""

import io
import re

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.urls import reverse

from digitsite.accounts import limits
from digitsite.accounts.roles import Role
from digitsite.accounts.tokens import create_token
from tests.factories import make_dataset, make_user
from tests.inference.rows import streamed
from training.dataset_export import file_name
from training.ml.digits import load_npz
from training.models import Dataset
from training.services import datasets

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def researcher(client):
    user = make_user(Role.RESEARCHER)
    client.force_login(user)
    return user


def body(response) -> bytes:
    assert response.status_code == 200, response
    return b"".join(streamed(response.streaming_content))


def url(dataset, format="npz", query="") -> str:
    return reverse("dataset_export", args=[dataset.pk, format]) + query


def test_the_page_offers_every_format_and_each_link_works(client, researcher):
    dataset = make_dataset(seed=4, train=40, test=20)
    page = client.get(reverse("dataset", args=[dataset.pk])).content.decode()
    links = re.findall(rf'href="(/datasets/{dataset.pk}/files/[^"]+)"', page)
    assert len(links) == 9  # three formats: whole, training only, test only
    names = set()
    for link in links:
        response = client.get(link)
        assert response.is_async
        assert body(response)
        names.add(re.fullmatch(r'attachment; filename="(.+)"', response["Content-Disposition"])[1])
    assert {"blocks-v1.npz", "blocks-v1-train.zip", "blocks-v1-test.jsonl"} < names
    assert len(names) == 9


def test_what_is_downloaded_is_the_dataset(client, researcher):
    dataset = make_dataset(seed=5)
    assert load_npz(io.BytesIO(body(client.get(url(dataset))))).digest == dataset.digest
    with np.load(io.BytesIO(body(client.get(url(dataset, query="?split=test"))))) as arrays:
        assert arrays["images"].shape == (64, 28, 28)


def test_the_api_gives_the_same_bytes_to_a_token(client):
    dataset = make_dataset(seed=6, train=30, test=10)
    user = make_user(Role.RESEARCHER)
    headers = {"Authorization": f"Bearer {create_token(user, 'test')[1]}"}
    response = client.get(f"/api/v1/datasets/{dataset.pk}/files/jsonl?split=test", headers=headers)
    client.force_login(user)
    assert body(response) == body(client.get(url(dataset, "jsonl", "?split=test")))


@pytest.mark.parametrize(
    "wanted", ["files/pickle", "files/npz?split=validation", "files/npz?split=digest"]
)
def test_formats_and_splits_that_are_not_there_are_404_with_what_there_is(
    client, researcher, wanted
):
    dataset = make_dataset()
    assert client.get(f"/datasets/{dataset.pk}/{wanted}").status_code == 404
    answer = client.get(f"/api/v1/datasets/{dataset.pk}/{wanted}")
    assert answer.status_code == 404
    assert "there are" in answer.json()["error"]["message"]


def test_a_lost_file_is_404(client, researcher):
    dataset = make_dataset(seed=78)
    default_storage.delete(dataset.file.name)
    datasets._load.cache_clear()
    assert client.get(url(dataset)).status_code == 404


def test_who_asks_for_too_much_is_told_when_to_come_back(client, researcher):
    dataset = make_dataset(train=20, test=5)
    for _ in range(limits.exports.burst):
        client.get(url(dataset, "jsonl")).close()
    page = client.get(url(dataset, "jsonl"))
    assert page.status_code == 429
    assert int(page["Retry-After"]) >= 1
    assert "Too many exports" in page.content.decode()
    answer = client.get(f"/api/v1/datasets/{dataset.pk}/files/jsonl")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_often")
    client.force_login(make_user(Role.RESEARCHER))
    assert client.get(url(dataset, "jsonl")).status_code == 200


def test_drawers_see_no_export(client):
    client.force_login(make_user(Role.DRAWER))
    page = client.get(reverse("dataset", args=[make_dataset().pk])).content.decode()
    assert "/files/" not in page


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Drawings + MNIST", "drawings-mnist-v3.npz"),
        ("../../etc/passwd", "etcpasswd-v3.npz"),
        ("数字", "dataset-v3.npz"),
        ('a"; rm -rf\r\n', "a-rm-rf-v3.npz"),
        ("CON", "con-v3.npz"),
        ("x" * 80, f"{'x' * 60}-v3.npz"),
    ],
)
def test_names_of_files_are_safe_whatever_a_dataset_is_called(name, file):
    assert file_name(Dataset(name=name, version=3), "npz") == file


def test_the_command_writes_the_file_whole_and_says_where(tmp_path, capsys):
    dataset = make_dataset(seed=7)
    call_command("export_dataset", "Blocks", "--output", str(tmp_path))
    target = tmp_path / "blocks-v1.npz"
    assert load_npz(target).digest == dataset.digest
    assert f"{target}, {target.stat().st_size:,} bytes" in capsys.readouterr().out
    call_command(
        "export_dataset",
        str(dataset.pk),
        "--format",
        "jsonl",
        "--split",
        "test",
        "--output",
        str(tmp_path / "mine.jsonl"),
    )
    assert len((tmp_path / "mine.jsonl").read_text().splitlines()) == 64
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "blocks-v1.npz",
        "mine.jsonl",
    ]


def test_the_command_explains_what_it_cannot_do(tmp_path):
    make_dataset()
    with pytest.raises(CommandError, match="There is no dataset 'nowhere'"):
        call_command("export_dataset", "nowhere")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_dataset", "Blocks", "--output", str(tmp_path / "no" / "file.npz"))
