from collections.abc import Callable

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import quote_etag
from django.views.decorators.http import condition, require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.rate import TooOften
from digitsite.accounts.roles import Capability
from digitsite.too_often import too_often
from training import dataset_page, dataset_pictures
from training.charts import class_histogram
from training.dataset_export import export
from training.dataset_files import FORMATS
from training.dataset_rows import class_rows, listed_datasets
from training.models import Dataset
from training.services import dataset_insights
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
    older = dataset_page.compared_with(found)
    is_known = dataset_insights.are_known(found, older)
    context = {
        "dataset": found,
        "splits": class_rows(found),
        "formats": FORMATS,
        "histogram": class_histogram(found.class_counts),
        "parents": found.parents.all(),
        "children": found.children.order_by("pk"),
        "versions": dataset_page.versions(found),
        "upload": found.uploads.filter(is_new=True).first(),
        "leaks": dataset_page.leaks(found),
        "insight": dataset_page.insight(found) if is_known else None,
        "runs": found.runs.select_related("owner").order_by("-pk")[:5],
        "evaluations": dataset_page.evaluations_on(found)[:8],
    }
    return render(request, "training/dataset.html", context)


@require_safe
@requires(Capability.BROWSE)
def dataset_insight(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that needs every image; the first who asks waits some seconds for it."""
    found = get_object_or_404(Dataset, pk=pk)
    try:
        context = dataset_page.insight(found)
    except DatasetUnreadable as error:
        context = {"problem": f"The images of {found} or of a version before it: {error}."}
    return render(request, "training/_dataset_insight.html", context)


@require_safe
@requires(Capability.BROWSE)
def dataset_class(request: HttpRequest, pk: int, split: str, digit: int) -> HttpResponse:
    """Every image of a class, a page at a time."""
    found = get_object_or_404(Dataset, pk=pk)
    if split not in dataset_pictures.SPLITS or digit > 9:
        raise Http404(f"There is no digit {digit} of a split {split!r}.")
    context: dict = {"dataset": found, "split": split, "digit": digit, "digits": range(10)}
    try:
        images = dataset_pictures.images(load_digits(found), split)
        places = dataset_page.of_class(found, split, digit)
    except DatasetUnreadable as error:
        context["problem"] = f"The images cannot be shown: {error}."
    else:
        page = Paginator(places, dataset_page.PER_PAGE).get_page(request.GET.get("page"))
        shown = [(int(place), dataset_pictures.data_uri(images[place])) for place in page]
        context |= {"page": page, "shown": shown, "count": len(places)}
    return render(request, "training/dataset_class.html", context)


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
    return _picture(request, pk, f"{split}-{index}", _image_png, split, index)


@require_safe
@requires(Capability.BROWSE)
def dataset_mean(request: HttpRequest, pk: int, split: str, digit: int) -> HttpResponse:
    return _picture(request, pk, f"mean-{split}-{digit}", _mean_png, split, digit)


@require_safe
@requires(Capability.BROWSE)
def dataset_sheet(request: HttpRequest, pk: int, split: str, digit: int) -> HttpResponse:
    return _picture(request, pk, f"sheet-{split}-{digit}", _sheet_png, split, digit)


def _image_png(dataset: Dataset, split: str, index: int) -> bytes:
    return dataset_pictures.image_png(load_digits(dataset), split, index)


def _sheet_png(dataset: Dataset, split: str, digit: int) -> bytes:
    return dataset_pictures.sheet_png(load_digits(dataset), split, digit)


def _mean_png(dataset: Dataset, split: str, digit: int) -> bytes:
    return dataset_insights.mean_png(dataset, split, digit)


def _picture(
    request: HttpRequest, pk: int, name: str, make: Callable, split: str, number: int
) -> HttpResponse:
    """A PNG of the dataset, or 304 when the browser has it; 404 for what is not there."""
    found = get_object_or_404(Dataset.objects.only("digest", "file"), pk=pk)

    @condition(etag_func=lambda *_: quote_etag(f"{found.digest[:16]}-{name}"))
    def answer(_request: HttpRequest) -> HttpResponse:
        try:
            content = make(found, split, number)
        except (dataset_pictures.NoSuchImage, DatasetUnreadable) as error:
            raise Http404(str(error)) from error
        return HttpResponse(content, content_type="image/png")

    response = answer(request)
    response.headers["Cache-Control"] = FOREVER
    return response
