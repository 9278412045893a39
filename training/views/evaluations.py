"""Pages of evaluations: the figures with the mistakes, and the images of one matrix cell."""

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from training import evaluation_page
from training.ml.digits import CLASSES
from training.models import Evaluation
from training.services.datasets import DatasetUnreadable

IMAGES_PER_PAGE = 60


@require_GET
@requires(Capability.BROWSE)
def evaluation_detail(request: HttpRequest, pk: int) -> HttpResponse:
    evaluation = _evaluation_or_404(pk)
    shown = {
        "evaluation": evaluation,
        "model_version": getattr(evaluation.run, "model_version", None),
    }
    if evaluation.status == Evaluation.Status.DONE:
        mistakes = evaluation_page.mistakes(evaluation)
        shown |= {
            "matrix": evaluation_page.matrix(evaluation),
            "digits": range(CLASSES),
            "pairs": evaluation_page.confused_pairs(evaluation),
            "calibration": evaluation_page.calibration_figure(evaluation),
            "page": Paginator(mistakes, IMAGES_PER_PAGE).get_page(request.GET.get("page")),
        }
    return render(request, "training/evaluation_detail.html", shown)


@require_GET
@requires(Capability.BROWSE)
def evaluation_cell(request: HttpRequest, pk: int, true: int, predicted: int) -> HttpResponse:
    evaluation = _evaluation_or_404(pk)
    if true >= CLASSES or predicted >= CLASSES or evaluation.status != Evaluation.Status.DONE:
        raise Http404("There is no such cell.")
    try:
        answers, problem = evaluation_page.answers(evaluation, true, predicted), ""
    except DatasetUnreadable as error:
        answers, problem = [], f"The images cannot be shown: {error}."
    shown = {
        "evaluation": evaluation,
        "true": true,
        "predicted": predicted,
        "problem": problem,
        "count": evaluation.confusion[true][predicted],
        "matrix": evaluation_page.matrix(evaluation),
        "digits": range(CLASSES),
        "page": Paginator(answers, IMAGES_PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "training/evaluation_cell.html", shown)


def _evaluation_or_404(pk: int) -> Evaluation:
    return get_object_or_404(
        Evaluation.objects.select_related("run", "run__owner", "dataset"), pk=pk
    )
