"""Pages of an analysis: slices, robustness, labels, the map; and the page of one image."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from training import analysis_page, image_page
from training.analysis_page import AnalysisGone
from training.dataset_pictures import NoSuchImage
from training.ml.corruptions import STRENGTHS
from training.models import Analysis, Evaluation
from training.services.analyses import AnalysisError, request_analysis
from training.services.datasets import DatasetUnreadable
from training.views.evaluations import evaluation_head, evaluation_or_404

SUSPECTS_PER_PAGE = 48


@require_POST
@requires(Capability.LAUNCH_RUNS)
def evaluation_analyse(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for the analysis, then show the part that the person came from."""
    evaluation = evaluation_or_404(pk)
    part = request.POST.get("part")
    try:
        request_analysis(evaluation, by=request.user)
    except AnalysisError as error:
        messages.error(request, str(error))
        return redirect("evaluation", pk=pk)
    return redirect(
        "evaluation_part", pk=pk, part=part if part in analysis_page.PARTS else "slices"
    )


@require_GET
@requires(Capability.BROWSE)
def evaluation_part(request: HttpRequest, pk: int, part: str) -> HttpResponse:
    """One part of the analysis: its result, how far it is, or how to ask for it."""
    if part not in analysis_page.PARTS:
        raise Http404(f"There is no part {part}; there are {', '.join(analysis_page.PARTS)}.")
    evaluation = evaluation_or_404(pk)
    if evaluation.status != Evaluation.Status.DONE:
        return redirect("evaluation", pk=pk)
    analysis = analysis_page.analysis_of(evaluation)
    shown = evaluation_head(evaluation) | {
        "analysis": analysis,
        "part": part,
        "part_title": analysis_page.PARTS[part],
        "part_template": f"training/_part_{part}.html",
    }
    if analysis is not None and analysis.status == Analysis.Status.DONE:
        try:
            shown |= _PARTS[part](request, evaluation, analysis)
        except AnalysisGone as error:
            shown["problem"] = str(error)
    return render(request, "training/evaluation_part.html", shown)


@require_GET
@requires(Capability.BROWSE)
def evaluation_image(request: HttpRequest, pk: int, index: int) -> HttpResponse:
    evaluation = evaluation_or_404(pk)
    if evaluation.status != Evaluation.Status.DONE:
        return redirect("evaluation", pk=pk)
    shown = evaluation_head(evaluation) | {"index": index}
    try:
        shown["reading"] = reading = image_page.reading(evaluation, index)
    except NoSuchImage as error:
        raise Http404(str(error)) from error
    except LookupError as error:
        shown["problem"] = str(error)
        return render(request, "training/evaluation_image.html", shown)
    analysis = analysis_page.analysis_of(evaluation)
    shown["analysis"] = analysis
    if analysis is not None and analysis.status == Analysis.Status.DONE:
        try:
            shown |= {
                "label_verdict": analysis_page.label_verdict(analysis, index),
                "neighbours": analysis_page.neighbours(analysis, index, reading.label),
            }
        except AnalysisGone as error:
            shown["analysis_problem"] = str(error)
    return render(request, "training/evaluation_image.html", shown)


@require_GET
@requires(Capability.BROWSE)
def evaluation_why(request: HttpRequest, pk: int, index: int) -> HttpResponse:
    """The map of occlusion, as a part of the image's page."""
    evaluation = evaluation_or_404(pk)
    if evaluation.status != Evaluation.Status.DONE or index >= evaluation.count:
        raise Http404("There is no such image.")
    shown = {"evaluation": evaluation, "index": index}
    try:
        shown["why"] = image_page.why(evaluation, index)
    except (DatasetUnreadable, OSError, ValueError) as error:
        shown["problem"] = f"The map cannot be made: {error}."
    return render(request, "training/_evaluation_why.html", shown)


def _slices(request: HttpRequest, evaluation: Evaluation, analysis: Analysis) -> dict:
    slices = analysis_page.visible_slices(analysis, request.user)
    kinds = analysis_page.slice_kinds(slices)
    kind = request.GET.get("kind", "")
    kind = kind if kind in kinds else ""
    rows = analysis_page.slice_rows(slices, kind)
    return {"kinds": kinds, "kind": kind, "rows": rows, "any_small": any(r["small"] for r in rows)}


def _robustness(request: HttpRequest, evaluation: Evaluation, analysis: Analysis) -> dict:
    return {"rows": analysis_page.robustness_rows(analysis), "strengths": STRENGTHS}


def _labels(request: HttpRequest, evaluation: Evaluation, analysis: Analysis) -> dict:
    page = Paginator(analysis.suspects, SUSPECTS_PER_PAGE).get_page(request.GET.get("page"))
    return {"page": page}


def _map(request: HttpRequest, evaluation: Evaluation, analysis: Analysis) -> dict:
    return analysis_page.map_of(evaluation, analysis)


_PARTS = {"slices": _slices, "robustness": _robustness, "labels": _labels, "map": _map}
