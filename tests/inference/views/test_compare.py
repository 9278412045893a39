"""Two models side by side: the address, the figures, the images, what is missing."""

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from digitsite.accounts.roles import Role
from inference.services.promotion import promote
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_evaluation, make_version
from training import confusion

pytestmark = pytest.mark.django_db
URL = reverse("models_compare")


@pytest.fixture
def dataset():
    return make_dataset(seed=1, test=300, name="MNIST", kind="mnist")


@pytest.fixture
def versions(dataset):
    """v1 misreads images 0..9, v2 misreads 8..13: 8 fixed, 4 broken, 2 both wrong."""
    owner = make_user(username="remy")
    versions = [make_version(owner=owner, dataset=dataset) for _ in range(2)]
    make_evaluation(versions[0], dataset, range(10))
    make_evaluation(versions[1], dataset, range(8, 14))
    return versions


@pytest.fixture
def ruth(client):
    ruth = make_user(Role.RESEARCHER, "ruth")
    client.force_login(ruth)
    return ruth


def test_with_one_model_the_page_says_what_to_do(client, ruth, dataset):
    make_version(dataset=dataset)
    page = client.get(URL)
    assert page.status_code == 200
    assert "There are not two models yet" in page.content.decode()


def test_the_address_names_models_dataset_and_split(client, ruth, versions, dataset):
    answer = client.get(URL, {"a": 1, "b": 2, "dataset": dataset.pk, "split": "test"})
    found = answer.context["found"]
    assert (found.fixed, found.broken) == (list(range(8)), [10, 11, 12, 13])
    assert (found.both_wrong, found.both_right) == ([8, 9], 286)
    page = answer.content.decode()
    assert "p\u00a0=\u00a00.39" in page  # 2 * (1 + 12 + 66 + 220 + 495) / 2**12
    assert "may be chance" in page
    assert "96.67" in page
    assert "98.00" in page


def test_an_open_address_compares_production_with_the_newest_other(client, ruth, versions):
    promote(versions[1], by=None, reason="first")
    pair = client.get(URL).context["pair"]
    assert (pair.before, pair.after, pair.split) == (versions[1], versions[0], "test")


@pytest.mark.parametrize(
    ("group", "indices"),
    [("fixed", list(range(8))), ("broken", [10, 11, 12, 13]), ("both_wrong", [8, 9])],
)
def test_each_tab_shows_its_images_with_both_answers(
    client, ruth, versions, dataset, group, indices
):
    answer = client.get(URL, {"a": 1, "b": 2, "show": group})
    rows = answer.context["page"].object_list
    assert [row.index for row in rows] == indices
    for row in rows:
        wrong = (row.true + 1) % 10
        assert row.before.label == (row.true if group == "broken" else wrong)
        assert row.after.label == (row.true if group == "fixed" else wrong)
        assert row.before.confidence == pytest.approx(0.97)
        assert row.after.right == (group == "fixed")
        url = reverse("dataset_image", args=[dataset.pk, "test", row.index])
        assert url in answer.content.decode()


@pytest.mark.parametrize(("group", "mistaken"), [("fixed", 0), ("broken", 1), ("both_wrong", 1)])
def test_an_image_leads_to_its_page_as_the_model_reads_it_that_errs(
    client, ruth, versions, group, mistaken
):
    answer = client.get(URL, {"a": 1, "b": 2, "show": group})
    page = answer.content.decode()
    for row in answer.context["page"]:
        links = [
            reverse("evaluation_image", args=[version.run.evaluations.get().pk, row.index])
            for version in versions
        ]
        assert page.count(f'<a href="{links[mistaken]}"><img') == 1
        for link, version in zip(links, versions, strict=True):
            assert f'<a href="{link}">{version}</a>' in page
    assert client.get(links[mistaken]).context["reading"].right is False


def test_without_the_stored_probabilities_the_answers_are_shown_all_the_same(
    client, ruth, versions
):
    default_storage.delete(versions[0].run.evaluations.get().probabilities.name)
    confusion._load.cache_clear()
    (row, *_) = client.get(URL, {"a": 1, "b": 2, "show": "fixed"}).context["page"].object_list
    assert (row.before.confidence, row.after.confidence) == (None, pytest.approx(0.97))


def test_more_images_than_fit_are_paged(client, ruth, versions, dataset):
    make_evaluation(make_version(dataset=dataset), dataset, range(100, 170))
    answer = client.get(URL, {"a": 2, "b": 3, "show": "broken", "page": 2})
    assert [row.index for row in answer.context["page"].object_list] == list(range(160, 170))


def test_what_was_not_judged_is_judged_at_a_click(client, ruth, versions):
    other = make_dataset(seed=2)
    asked = {"a": 1, "b": 2, "dataset": other.pk, "split": "train"}
    page = client.get(URL, asked).content.decode()
    assert "v1 and v2 have not been judged on these images" in page
    data = {"a": 1, "b": 2, "on": f"{other.pk}/train"}
    answer = client.post(reverse("models_compare_judge"), data, follow=True)
    assert answer.redirect_chain == [(f"{URL}?a=1&b=2&dataset={other.pk}&split=train", 302)]
    page = answer.content.decode()
    assert "Being judged" in page
    assert 'hx-trigger="every 2s"' in page


def test_who_may_not_launch_is_told_who_can(client, versions):
    client.force_login(make_user(Role.DRAWER))
    other = make_dataset(seed=2)
    page = client.get(URL, {"a": 1, "b": 2, "dataset": other.pk}).content.decode()
    assert "A researcher can have them judged" in page
    assert reverse("models_compare_judge") not in page


def test_a_failed_evaluation_is_told_and_can_be_repeated(client, ruth, versions):
    versions[1].run.evaluations.update(status="failed", error="The disk was full.")
    page = client.get(URL, {"a": 1, "b": 2}).content.decode()
    assert "The disk was full." in page
    assert "Judge v2" in page


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"a": 1, "b": 1}, "Choose two different models."),
        ({"a": 1, "b": 77}, "Second model: there is no such version."),
        ({"a": "x", "b": 2}, "First model: there is no such version."),
        ({"a": "9" * 40, "b": 2}, "First model: there is no such version."),
        ({"a": 1, "b": 2, "dataset": 77}, "There is no such split of a dataset."),
        ({"a": 1, "b": 2, "split": "val"}, ""),
    ],
)
def test_a_wrong_address_is_explained(client, ruth, versions, asked, words):
    answer = client.get(URL, asked)
    if words:
        assert answer.status_code == 400
        assert words in answer.content.decode()
    else:
        assert answer.status_code == 200  # a split without its dataset is not looked at


def test_a_comparison_costs_the_same_however_many_images_it_shows(
    client, ruth, versions, dataset, django_assert_max_num_queries
):
    make_evaluation(make_version(dataset=dataset), dataset, range(100, 170))
    with django_assert_max_num_queries(30) as few:
        client.get(URL, {"a": 1, "b": 2})
    with django_assert_max_num_queries(len(few)):
        client.get(URL, {"a": 1, "b": 3})
