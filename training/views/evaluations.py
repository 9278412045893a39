"""Pages of evaluations: the figures with the mistakes, and the images of one matrix cell."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from training import confusion, evaluation_page
from training.analysis_page import PARTS
from training.evaluate_form import EvaluateForm
from training.ml.digits import CLASSES
from training.models import Evaluation
from training.services.datasets import DatasetUnreadable
from training.services.evaluations import EvaluationError, request_evaluation

IMAGES_PER_PAGE = 60


@require_POST
@requires(Capability.LAUNCH_RUNS)
def evaluation_new(request: HttpRequest) -> HttpResponse:
    """Ask for an evaluation, then show it: it may be there already."""
    form = EvaluateForm(request.POST)
    if not form.is_valid():
        run = form.cleaned_data.get("run")
        for errors in form.errors.values():
            messages.error(request, " ".join(errors))
        return redirect("run", pk=run.pk) if run else redirect("runs")
    asked = form.cleaned_data
    try:
        evaluation = request_evaluation(
            asked["run"], asked["dataset"], asked["split"], by=request.user
        )
    except EvaluationError as error:
        messages.error(request, str(error))
        return redirect("run", pk=asked["run"].pk)
    return redirect("evaluation", pk=evaluation.pk)


@require_GET
@requires(Capability.BROWSE)
def evaluation_detail(request: HttpRequest, pk: int) -> HttpResponse:
    evaluation = evaluation_or_404(pk)
    shown = evaluation_head(evaluation) | {"part": "overview"}
    if evaluation.status == Evaluation.Status.DONE:
        mistakes = evaluation_page.mistakes(evaluation)
        shown |= _matrix(request, evaluation)
        if request.htmx.target == "confusion":
            return render(request, "training/_confusion_card.html", shown)
        shown |= {
            "pairs": confusion.confused_pairs(confusion.matrix(evaluation)),
            "calibration": evaluation_page.calibration_figure(evaluation),
            "page": Paginator(mistakes, IMAGES_PER_PAGE).get_page(request.GET.get("page")),
        }
    return render(request, "training/evaluation_detail.html", shown)


@require_GET
@requires(Capability.BROWSE)
def evaluation_cell(request: HttpRequest, pk: int, true: int, predicted: int) -> HttpResponse:
    evaluation = evaluation_or_404(pk)
    if true >= CLASSES or predicted >= CLASSES or evaluation.status != Evaluation.Status.DONE:
        raise Http404("There is no such cell.")
    view = confusion.MatrixView.parse(request.GET)
    try:
        answers = evaluation_page.answers(evaluation, true, predicted, view.above)
        problem = ""
    except DatasetUnreadable as error:
        answers, problem = [], f"The images cannot be shown: {error}."
    shown = evaluation_head(evaluation) | {
        "true": true,
        "predicted": predicted,
        "problem": problem,
        "count": evaluation.confusion[true][predicted] if problem else len(answers),
        **_matrix(request, evaluation),
        "page": Paginator(answers, IMAGES_PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "training/evaluation_cell.html", shown)


def evaluation_head(evaluation: Evaluation) -> dict[str, Any]:
    """What the head of every page of an evaluation shows."""
    return {
        "evaluation": evaluation,
        "model_version": getattr(evaluation.run, "model_version", None),
        "learned_from": (evaluation.dataset_id, evaluation.split)
        == (evaluation.run.dataset_id, "train"),
        "parts": PARTS,
    }


def _matrix(request: HttpRequest, evaluation: Evaluation) -> dict[str, Any]:
    view = confusion.MatrixView.parse(request.GET)
    return {
        "view": view,
        "matrix": confusion.matrix(evaluation, view),
        "digits": range(CLASSES),
    }


def evaluation_or_404(pk: int) -> Evaluation:
    return get_object_or_404(
        Evaluation.objects.select_related("run", "run__owner", "dataset"), pk=pk
    )
