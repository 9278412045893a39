"""Every page on a phone: nothing is cut off sideways, nothing is logged as an error."""

import pytest
from django.urls import reverse

from digitsite.accounts.roles import Role
from digitsite.accounts.tokens import create_token
from inference.services.promotion import promote
from tests.factories import make_user
from tests.inference.rows import make_evaluation, make_version
from tests.test_permissions import TABLE, make_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
LONG = "a note without an end " * 9
# Pictures, files, streams and parts of pages: a browser would save or not end them.
NOT_PAGES = {
    *("dataset_image", "dataset_mean", "dataset_sheet", "drawing_image"),
    *("dataset_export", "drawings_export", "all_drawings_export", "model_download"),
    "upload_report",
    *("run_events", "run_tensorboard", "run_live", "dataset_insight", "evaluation_why"),
    *("healthz", "shared"),
}


@pytest.fixture
def ada():
    return make_user(Role.ADMIN, "ada")


@pytest.fixture
def pages(ada) -> list[str]:
    """Of each page in the table of permissions the address, and of some that show more."""
    world = make_world(ada)
    type(world.run).objects.filter(pk=world.run.pk).update(note=LONG)
    dataset = world.run.dataset
    second = make_version(owner=ada, dataset=dataset)
    world.evaluation.misclassifications.all().delete()
    make_evaluation(world.model, dataset, range(3))
    make_evaluation(second, dataset, range(40))
    promote(world.model, by=ada, reason=LONG)
    create_token(ada, "a notebook with a long name")
    world.link.label = "a class with a long name"
    world.link.save()
    found = [
        reverse(row.name, kwargs=row.key(world))
        for row in TABLE
        if row.method == "get" and row.name not in NOT_PAGES
    ]
    return [
        *dict.fromkeys(found),
        f"{reverse('run_compare')}?run={world.run.pk}&run={second.run_id}&run={world.own_run.pk}",
        f"{reverse('run_new')}?clone={world.run.pk}",
        f"{reverse('models_compare')}?show=broken",
        reverse("model", args=[second.number]),
        *(
            reverse("evaluation_part", args=[world.evaluation.pk, part])
            for part in ("labels", "map")
        ),
        f"{reverse('review')}?kind=images",
        "/no/such/page/",
    ]


def test_every_page_fits_a_phone_and_logs_no_error(site, open_page, ada, pages):
    page = open_page(site + reverse("account"), ada, **PHONE)
    problems = []
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda line: line.type == "error" and problems.append(f"{page.url}: {line.text}"),
    )
    for path in pages:
        page.goto(site + path)
        page.wait_for_timeout(150)  # charts draw and parts arrive after the page has loaded
        width = page.evaluate("document.scrollingElement.scrollWidth")
        if width > PHONE["viewport"]["width"]:
            problems.append(f"{path}: {width} px wide")
    # The browser itself logs the one status that was asked for.
    assert [told for told in problems if "/no/such/page/" not in told] == []
    assert len(pages) > 30
