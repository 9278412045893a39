"""Two people, or two workers, at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from digitsite.accounts.roles import Role
from inference.models import Drawing, ModelVersion, Review
from inference.registry import register
from inference.services.holds import take_next
from inference.services.reviews import AlreadySettled, record_verdict
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_drawing, make_version

pytestmark = pytest.mark.django_db(transaction=True)


def together(*calls: Callable[[], object]) -> list[object]:
    """Results of calls that start at the same moment in threads of their own; errors as results."""
    start = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        try:
            connection.ensure_connection()
            start.wait(10)
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_two_verdicts_at_the_same_moment_one_counts():
    drawing = make_drawing()
    reviewers = [make_user(Role.REVIEWER) for _ in range(4)]
    results = together(
        *(
            lambda reviewer=reviewer, verdict=verdict: record_verdict(
                drawing, reviewer=reviewer, verdict=verdict
            )
            for reviewer, verdict in zip(
                reviewers, ("confirm", "reject", "ambiguous", "confirm"), strict=True
            )
        )
    )
    (row,) = [result for result in results if isinstance(result, Review)]
    assert sum(isinstance(result, AlreadySettled) for result in results) == 3
    drawing.refresh_from_db()
    expected = {
        "confirm": Drawing.Status.CONFIRMED,
        "reject": Drawing.Status.REJECTED,
        "ambiguous": Drawing.Status.AMBIGUOUS,
    }
    assert drawing.status == expected[row.verdict]
    assert Review.objects.count() == 1


def test_with_two_required_two_verdicts_at_the_same_moment_settle(settings):
    settings.REVIEWS_REQUIRED = 2
    drawing = make_drawing()
    reviewers = [make_user(Role.REVIEWER) for _ in range(2)]
    together(
        *(
            lambda reviewer=reviewer: record_verdict(drawing, reviewer=reviewer, verdict="reject")
            for reviewer in reviewers
        )
    )
    drawing.refresh_from_db()
    assert drawing.status == Drawing.Status.REJECTED


def test_runs_that_succeed_at_the_same_moment_get_numbers_of_their_own():
    owner, dataset = make_user(), make_dataset()
    runs = [make_version(owner=owner, dataset=dataset).run for _ in range(4)]
    ModelVersion.objects.all().delete()
    for run in runs:
        run.refresh_from_db()

    def success(run) -> ModelVersion:
        with transaction.atomic():
            return register(run)

    results = together(*(lambda run=run: success(run) for run in runs))
    assert sorted(version.number for version in results) == [1, 2, 3, 4]


def test_one_run_registered_twice_at_the_same_moment_is_one_version():
    run = make_version().run
    ModelVersion.objects.all().delete()
    results = together(*(lambda: register(type(run).objects.get(pk=run.pk)) for _ in range(3)))
    assert len({version.pk for version in results}) == 1
    assert ModelVersion.objects.count() == 1


def test_reviewers_at_the_same_moment_get_drawings_of_their_own():
    drawings = [make_drawing() for _ in range(4)]
    reviewers = [make_user(Role.REVIEWER) for _ in range(4)]
    taken = together(*(lambda reviewer=reviewer: take_next(reviewer) for reviewer in reviewers))
    assert {drawing.pk for drawing in taken} == {drawing.pk for drawing in drawings}
