from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import quote_etag
from django.views.decorators.http import condition, require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.rate import TooOften
from digitsite.accounts.roles import Capability
from digitsite.too_often import too_often
from training import dataset_pictures
from training.charts import class_histogram
from training.dataset_export import export
from training.dataset_files import FORMATS
from training.dataset_rows import class_rows, listed_datasets
from training.models import Dataset
from training.services.datasets import DatasetUnreadable, load_digits

# A dataset never changes, so neither does any picture of it. Only signed-in people may see them:
# shared caches must not keep them.
FOREVER = "private, max-age=31536000, immutable"


@require_safe
@requires(Capability.BROWSE)
def datasets(request: HttpRequest) -> HttpResponse:
    return render(request, "training/dataset_list.html", {"datasets": listed_datasets()})


@require_safe
@requires(Capability.BROWSE)
def dataset(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Dataset, pk=pk)
    return render(
        request,
        "training/dataset.html",
        {
            "dataset": found,
            "splits": class_rows(found),
            "formats": FORMATS,
            "histogram": class_histogram(found.class_counts),
            "parents": found.parents.all(),
            "children": found.children.order_by("pk"),
            "runs": found.runs.select_related("owner").order_by("-pk")[:5],
        },
    )


@require_safe
@requires(Capability.EXPORT_DATA)
def dataset_export(request: HttpRequest, pk: int, format: str) -> HttpResponse:
    """?split=train or test; both without."""
    found = get_object_or_404(Dataset, pk=pk)
    try:
        return export(found, format, request.GET.get("split"), by=request.user)
    except TooOften as error:
        return too_often(request, error)


@require_safe
@requires(Capability.BROWSE)
def dataset_image(request: HttpRequest, pk: int, split: str, index: int) -> HttpResponse:
    return _picture(request, pk, f"{split}-{index}", dataset_pictures.image_png, split, index)


@require_safe
@requires(Capability.BROWSE)
def dataset_mean(request: HttpRequest, pk: int, split: str, digit: int) -> HttpResponse:
    return _picture(request, pk, f"mean-{split}-{digit}", dataset_pictures.mean_png, split, digit)


@require_safe
@requires(Capability.BROWSE)
def dataset_sheet(request: HttpRequest, pk: int, split: str, digit: int) -> HttpResponse:
    return _picture(request, pk, f"sheet-{split}-{digit}", dataset_pictures.sheet_png, split, digit)


def _picture(
    request: HttpRequest, pk: int, name: str, make: Callable, split: str, number: int
) -> HttpResponse:
    """A PNG of the dataset, or 304 when the browser has it; 404 for what is not there."""
    found = get_object_or_404(Dataset.objects.only("digest", "file"), pk=pk)

    @condition(etag_func=lambda *_: quote_etag(f"{found.digest[:16]}-{name}"))
    def answer(_request: HttpRequest) -> HttpResponse:
        try:
            content = make(load_digits(found), split, number)
        except (dataset_pictures.NoSuchImage, DatasetUnreadable) as error:
            raise Http404(str(error)) from error
        return HttpResponse(content, content_type="image/png")

    response = answer(request)
    response.headers["Cache-Control"] = FOREVER
    return response
