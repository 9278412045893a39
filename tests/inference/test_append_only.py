"""No code path changes or deletes a verdict."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from digitsite.accounts.roles import Role
from inference.models import Drawing, Review
from inference.models.append_only import AppendOnlyError
from inference.services.reviews import record_misclassification_verdict, record_verdict
from tests.factories import make_user
from tests.inference.rows import make_drawing, make_misclassification
from training.models import Evaluation

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> Review:
    return record_verdict(make_drawing(), reviewer=make_user(Role.REVIEWER), verdict="confirm")


def changed(row: Review) -> Review:
    row.verdict = "reject"
    return row


ATTEMPTS = {
    "save": lambda row: changed(row).save(),
    "save some fields": lambda row: changed(row).save(update_fields=["verdict"]),
    "delete": lambda row: row.delete(),
    "update of a query": lambda row: Review.objects.filter(pk=row.pk).update(verdict="reject"),
    "deletion of a query": lambda row: Review.objects.filter(pk=row.pk).delete(),
    "bulk update": lambda row: Review.objects.bulk_update([changed(row)], ["verdict"]),
    "upsert": lambda row: Review.objects.bulk_create(
        [changed(row)], update_conflicts=True, update_fields=["verdict"], unique_fields=["id"]
    ),
    "update or create": lambda row: Review.objects.update_or_create(
        pk=row.pk, defaults={"verdict": "reject"}
    ),
    "update through the drawing": lambda row: row.drawing.reviews.update(verdict="reject"),
    "deletion through the drawing": lambda row: row.drawing.reviews.all().delete(),
    "cutting it off from the drawing": lambda row: row.drawing.reviews.clear(),
    "the base manager": lambda row: Review._base_manager.filter(pk=row.pk).update(label=9),
    "a second row under its key": lambda row: Review(
        pk=row.pk, drawing=row.drawing, reviewer=row.reviewer, verdict="reject"
    ).save(),
}


def test_a_stored_verdict_cannot_be_changed_or_deleted(row):
    for name, attempt in ATTEMPTS.items():
        with transaction.atomic():
            try:
                attempt(Review.objects.get())
            except (AppendOnlyError, IntegrityError):
                transaction.set_rollback(True)
            else:
                pytest.fail(f"{name} was let through")
        kept = Review.objects.get()
        assert (kept.pk, kept.verdict, kept.drawing_id) == (row.pk, "confirm", row.drawing_id), name


def test_what_has_a_verdict_cannot_be_deleted(row):
    rosa = make_user(Role.REVIEWER)
    image = make_misclassification()
    record_misclassification_verdict(image, reviewer=rosa, verdict="ambiguous")
    for delete in (
        row.drawing.delete,
        Drawing.objects.all().delete,
        row.reviewer.delete,
        image.delete,
        Evaluation.objects.filter(pk=image.evaluation_id).delete,
    ):
        with pytest.raises(ProtectedError):
            delete()
    assert Review.objects.count() == 2
