"""REST: what changed from one version of a dataset to the next."""

from django.http import Http404, HttpRequest
from ninja import Router, Schema

from digitsite.accounts.api_access import may
from digitsite.accounts.roles import Capability
from training import dataset_page
from training.models import Dataset
from training.services import dataset_insights
from training.services.datasets import DatasetUnreadable

router = Router()


class SplitChangesOut(Schema):
    """Ten counts each, by digit; `again` are those of `added` whose picture was there before."""

    added: list[int]
    again: list[int]
    removed: list[int]
    relabelled: list[int]
    moved: list[int]
    same: list[int]


class ChangesOut(Schema):
    dataset: int
    against: int
    train: SplitChangesOut
    test: SplitChangesOut


@router.get(
    "/datasets/{int:pk}/changes",
    response=ChangesOut,
    auth=may(Capability.BROWSE),
    tags=["datasets"],
)
def dataset_changes(request: HttpRequest, pk: int, against: int | None = None):
    """What is different from the version before, or from what `against` names: a dataset that this
    one was made from. The first who asks waits some seconds."""
    found = Dataset.objects.filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no dataset {pk}.")
    others = dataset_page.compared_with(found)
    older = next((one for one in others if against in (None, one.pk)), None)
    if older is None:
        names = ", ".join(f"{one.pk} ({one})" for one in others) or "nothing: it is an original"
        raise Http404(f"{found} can be compared with {names}.")
    try:
        told = dataset_insights.changes(found, older)
    except DatasetUnreadable as error:
        raise Http404(f"They cannot be compared: {error}.") from error
    return {"dataset": found.pk, "against": older.pk, **told}
