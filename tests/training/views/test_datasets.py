import json
import re

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from digitsite.accounts.roles import Role
from tests.factories import make_dataset, make_run, make_succeeded_run, make_user
from tests.training.ml.synthetic import synthetic_digits
from training.ml.digits import Digits
from training.models import DatasetUpload
from training.services import datasets as dataset_service
from training.services.leak_guard import screen

pytestmark = pytest.mark.django_db


@pytest.fixture
def drawer_client(client):
    client.force_login(make_user(Role.DRAWER))
    return client


def image_url(dataset, index=0, split="test") -> str:
    return reverse("dataset_image", args=[dataset.pk, split, index])


def test_without_datasets_the_list_says_how_to_get_one(drawer_client):
    page = drawer_client.get(reverse("datasets")).content.decode()
    assert "No dataset yet" in page
    assert "manage.py import_dataset" in page


def test_the_list_shows_each_version_with_its_counts(drawer_client, django_assert_max_num_queries):
    first = make_dataset(seed=1, train=300, test=70)
    make_dataset(seed=2, train=1234, test=64)
    make_run(dataset=first)
    with django_assert_max_num_queries(6):
        page = drawer_client.get(reverse("datasets")).content.decode()
    assert "1,234" in page
    assert reverse("dataset", args=[first.pk]) in page
    assert "run on it" in page
    assert first.digest[:12] in page


def test_the_page_of_a_dataset_tells_its_identity_and_lineage(drawer_client):
    parent, child = make_dataset(seed=1), make_dataset(seed=2, licence="CC BY 4.0")
    child.parents.add(parent)
    page = drawer_client.get(reverse("dataset", args=[child.pk])).content.decode()
    assert child.digest in page
    assert "CC BY 4.0" in page
    assert "made for a test" in page
    assert f'href="{reverse("dataset", args=[parent.pk])}"' in page
    of_parent = drawer_client.get(reverse("dataset", args=[parent.pk])).content.decode()
    assert f'href="{reverse("dataset", args=[child.pk])}"' in of_parent


def test_the_histogram_on_the_page_has_the_counts_of_the_row(drawer_client):
    dataset = make_dataset()
    page = drawer_client.get(reverse("dataset", args=[dataset.pk])).content.decode()
    figure = json.loads(re.search(r'id="figure-histogram"[^>]*>(.*?)</script>', page).group(1))
    assert [trace["y"] for trace in figure["data"]] == [
        dataset.class_counts["train"],
        dataset.class_counts["test"],
    ]


def test_every_picture_on_the_page_exists(drawer_client):
    dataset = make_dataset()
    page = drawer_client.get(reverse("dataset", args=[dataset.pk])).content.decode()
    pictures = set(re.findall(r'src="(/datasets/[^"]+\.png)"', page))
    assert len(pictures) == 40  # two splits, ten digits, a mean and a sheet
    for picture in pictures:
        response = drawer_client.get(picture)
        assert response.status_code == 200, picture
        assert response["Content-Type"] == "image/png"


def test_a_picture_is_kept_for_ever_by_the_browser_but_by_no_shared_cache(drawer_client):
    response = drawer_client.get(image_url(make_dataset()))
    kept = response["Cache-Control"]
    assert "private" in kept
    assert "immutable" in kept
    assert "max-age=31536000" in kept


def test_a_picture_the_browser_has_is_not_sent_again_nor_read(drawer_client, monkeypatch):
    url = image_url(make_dataset())
    etag = drawer_client.get(url)["ETag"]

    def unread(_dataset):
        raise AssertionError("the file was read")

    monkeypatch.setattr("training.views.datasets.load_digits", unread)
    response = drawer_client.get(url, headers={"If-None-Match": etag})
    assert response.status_code == 304
    assert not response.content


def test_etags_differ_between_pictures_and_between_datasets(drawer_client):
    one, other = make_dataset(seed=1), make_dataset(seed=2)
    urls = [
        image_url(one, 0),
        image_url(one, 1),
        image_url(one, 0, "train"),
        image_url(other, 0),
        reverse("dataset_mean", args=[one.pk, "test", 0]),
        reverse("dataset_sheet", args=[one.pk, "test", 0]),
    ]
    assert len({drawer_client.get(url)["ETag"] for url in urls}) == len(urls)


@pytest.mark.parametrize(
    ("split", "index"), [("test", 64), ("test", 10**12), ("validation", 0), ("digest", 0)]
)
def test_pictures_that_are_not_there_are_404(drawer_client, split, index):
    assert drawer_client.get(image_url(make_dataset(test=64), index, split)).status_code == 404


def test_a_digit_beyond_nine_has_no_mean_and_no_sheet(drawer_client):
    dataset = make_dataset()
    for name in ("dataset_mean", "dataset_sheet"):
        assert drawer_client.get(reverse(name, args=[dataset.pk, "test", 10])).status_code == 404


def test_a_missing_picture_is_not_cached(drawer_client):
    response = drawer_client.get(image_url(make_dataset(test=64), 64))
    assert "immutable" not in response.get("Cache-Control", "")


def test_a_lost_file_is_404_and_the_page_still_opens(drawer_client):
    dataset = make_dataset(seed=77)
    default_storage.delete(dataset.file.name)
    dataset_service._load.cache_clear()
    assert drawer_client.get(image_url(dataset)).status_code == 404
    assert drawer_client.get(reverse("dataset", args=[dataset.pk])).status_code == 200


def test_only_those_who_may_browse_see_datasets_and_pictures(client):
    dataset = make_dataset()
    urls = [reverse("datasets"), reverse("dataset", args=[dataset.pk]), image_url(dataset)]
    for url in urls:
        assert client.get(url)["Location"].startswith(reverse("login"))
    client.force_login(make_user(None))
    for url in urls:
        assert client.get(url).status_code == 403


def test_launching_from_a_dataset_is_offered_to_researchers_only(client):
    page_url = reverse("dataset", args=[make_dataset().pk])
    for role, offered in ((Role.DRAWER, False), (Role.RESEARCHER, True)):
        client.force_login(make_user(role))
        assert (reverse("run_new") in client.get(page_url).content.decode()) is offered


def test_training_from_a_dataset_chooses_it_on_the_form(client):
    make_dataset(seed=1, kind="mnist")
    chosen = make_dataset(seed=2)
    client.force_login(make_user(Role.RESEARCHER))
    page = client.get(reverse("dataset", args=[chosen.pk])).content.decode()
    link = re.search(rf'href="({reverse("run_new")}\?[^"]+)"', page).group(1)
    form = client.get(link).content.decode()
    assert re.search(rf'<option value="{chosen.pk}"\s+selected', form)
    assert client.get(f"{reverse('run_new')}?dataset=9999").status_code == 404


def html(client, name: str, *args, query: str = "") -> str:
    response = client.get(reverse(name, args=args) + query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_ink_comes_when_asked_for_and_is_on_the_page_from_then_on(drawer_client):
    dataset = make_dataset(seed=31)
    insight = reverse("dataset_insight", args=[dataset.pk])
    assert f'hx-get="{insight}"' in html(drawer_client, "dataset", dataset.pk)
    part = html(drawer_client, "dataset_insight", dataset.pk)
    figure = json.loads(re.search(r'id="figure-ink"[^>]*>(.*?)</script>', part).group(1))
    assert [trace["name"] for trace in figure["data"]] == ["Training", "Test"]
    for trace in figure["data"]:
        assert sum(trace["y"]) == pytest.approx(100, abs=0.1)
    page = html(drawer_client, "dataset", dataset.pk)
    assert "figure-ink" in page
    assert "hx-get" not in page.split("<main")[1]


def test_what_changed_against_the_parent_is_counted_and_shown(drawer_client):
    digits = synthetic_digits(32)
    labels = digits.train_labels.copy()
    labels[0] = (labels[0] + 1) % 10
    new = synthetic_digits(33, train=12, test=0)
    newer = Digits(
        np.concatenate([digits.train_images[:250], new.train_images]),
        np.concatenate([labels[:250], new.train_labels]),
        digits.test_images,
        digits.test_labels,
    )
    parent = make_dataset(seed=32)
    values = {"name": "Blocks", "kind": "upload", "source": "made for a test"}
    child = dataset_service.add_dataset(newer, **values, parents=[parent])
    part = html(drawer_client, "dataset_insight", child.pk)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part))
    assert "What changed against Blocks v1 made from it" in text
    assert part.count(" changes--") == 3  # of four kinds
    tallies = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", part))
    assert tallies == {
        "added": "12",
        "removed": "6",
        "relabelled": "1",
        "moved between splits": "0",
        "the same": str(249 + 64),
    }
    assert re.search(rf"<s>{digits.train_labels[0]}</s> → <strong>{labels[0]}</strong>", part)
    assert part.count("data:image/png;base64,") == 12 + 6 + 1


def test_the_version_before_is_compared_though_it_is_no_parent(drawer_client):
    first, second = make_dataset(seed=34), make_dataset(seed=35)
    part = html(drawer_client, "dataset_insight", second.pk)
    assert "the version before" in part
    page = html(drawer_client, "dataset", second.pk)
    assert '<strong aria-current="page">v2</strong>' in page
    assert re.search(rf'href="{reverse("dataset", args=[first.pk])}"[^>]*>v1</a>', page)


def test_a_lost_file_of_the_parent_is_explained(drawer_client):
    parent, child = make_dataset(seed=80), make_dataset(seed=81)
    default_storage.delete(parent.file.name)
    dataset_service._load.cache_clear()
    assert "callout--error" in html(drawer_client, "dataset_insight", child.pk)


def test_every_image_of_a_class_page_by_page(drawer_client):
    digits = synthetic_digits(36, train=2000, test=10)
    dataset = make_dataset(seed=36, train=2000, test=10)
    places = np.flatnonzero(digits.train_labels == 4).tolist()
    found = []
    for number in (1, 2):
        page = html(drawer_client, "dataset_class", dataset.pk, "train", 4, query=f"?page={number}")
        found += [int(place) for place in re.findall(r">#(\d+)<", page)]
        assert page.count("data:image/png;base64,") == len(re.findall(r">#(\d+)<", page)) <= 120
    assert found == places[:240]
    link = reverse("dataset_class", args=[dataset.pk, "train", 4])
    assert link in html(drawer_client, "dataset", dataset.pk)


@pytest.mark.parametrize(("split", "digit"), [("validation", 1), ("train", 10)])
def test_a_class_that_is_not_there_is_404(drawer_client, split, digit):
    url = reverse("dataset_class", args=[make_dataset().pk, split, digit])
    assert drawer_client.get(url).status_code == 404


def test_what_the_leak_guard_left_out_is_shown_in_pairs(drawer_client):
    clean = synthetic_digits(37)
    dimmed = (clean.test_images[9] * 0.8).astype(np.uint8)
    leaking = Digits(
        np.concatenate([clean.train_images, clean.test_images[7:8], dimmed[None]]),
        np.concatenate([clean.train_labels, clean.test_labels[7:8], clean.test_labels[9:10]]),
        clean.test_images,
        clean.test_labels,
    )
    screened = screen(leaking)
    dataset = dataset_service.add_dataset(
        screened.digits,
        name="Guarded",
        kind="upload",
        source="made for a test",
        report={"leaks": screened.report},
    )
    page = html(drawer_client, "dataset", dataset.pk)
    assert "2 left out of training" in page
    assert page.count("leak-pairs__images") == 2
    assert "#256 is #7 of its own test split" in page
    assert "#257 is #9 of its own test split" in page


def test_a_report_from_before_counts_by_split_still_opens(drawer_client):
    checked = [{"name": "its own test split", "dataset": None, "images": 64}]
    report = {"checked": checked, "unreadable": [], "exact": 0, "near": 0, "examples": []}
    dataset = make_dataset(seed=38, report={"leaks": report})
    page = html(drawer_client, "dataset", dataset.pk)
    assert "Nothing leaks" in page
    assert '<th scope="col" class="number">Exact</th>' not in page


def test_a_dataset_nobody_screened_says_so(drawer_client):
    assert "Not checked" in html(drawer_client, "dataset", make_dataset(seed=39).pk)


def test_evaluations_on_it_are_linked(drawer_client):
    run = make_succeeded_run(evaluated=True)
    page = html(drawer_client, "dataset", run.dataset_id)
    assert reverse("evaluation", args=[run.evaluations.get().pk]) in page
    assert f"Model {run.model_version}" in page


def test_the_list_reads_no_images_once_the_means_are_known(drawer_client, monkeypatch):
    dataset = make_dataset(seed=40)
    address = reverse("dataset_mean", args=[dataset.pk, "train", 3])
    first = drawer_client.get(address)

    def unread(_dataset):
        raise AssertionError("the images were read")

    monkeypatch.setattr("training.services.dataset_insights.load_digits", unread)
    assert drawer_client.get(address).content == first.content


def test_the_api_tells_parents_leaks_and_changes(drawer_client):
    first = make_dataset(seed=41)
    digits = synthetic_digits(41)
    grown = Digits(
        np.concatenate([digits.train_images, digits.train_images[:3]]),
        np.concatenate([digits.train_labels, digits.train_labels[:3]]),
        digits.test_images,
        digits.test_labels,
    )
    screened = screen(grown, against=[])
    second = dataset_service.add_dataset(
        screened.digits,
        name="Other",
        kind="upload",
        source="made for a test",
        parents=[first],
        report={"leaks": screened.report},
    )
    told = drawer_client.get(f"/api/v1/datasets/{second.pk}").json()
    assert told["parents"] == [first.pk]
    assert told["leaks"]["exact"] == 0
    assert "examples" not in told["leaks"]
    assert drawer_client.get(f"/api/v1/datasets/{first.pk}").json()["leaks"] is None
    answer = drawer_client.get(f"/api/v1/datasets/{second.pk}/changes").json()
    assert answer["against"] == first.pk
    assert (sum(answer["train"]["added"]), sum(answer["train"]["again"])) == (3, 3)
    assert sum(answer["test"]["same"]) == 64
    refused = drawer_client.get(f"/api/v1/datasets/{first.pk}/changes")
    assert refused.status_code == 404
    assert "it is an original" in refused.json()["error"]["message"]
    refused = drawer_client.get(f"/api/v1/datasets/{second.pk}/changes?against={second.pk}")
    assert f"{first.pk} (Blocks v1)" in refused.json()["error"]["message"]


def test_what_an_upload_left_out_is_linked_for_those_who_may_open_it(client):
    dataset = make_dataset(seed=42)
    upload = DatasetUpload.objects.create(
        name="Blocks", files=[], status="done", dataset=dataset, is_new=True
    )
    link = reverse("upload", args=[upload.pk])
    client.force_login(make_user(Role.RESEARCHER))
    assert link in html(client, "dataset", dataset.pk)
    client.force_login(make_user(Role.DRAWER))
    assert link not in html(client, "dataset", dataset.pk)
