"""REST: the analysis of an evaluation's errors."""

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema, Status

from digitsite.accounts.api_access import may
from digitsite.accounts.roles import Capability
from training import analysis_page
from training.api import one_or_404
from training.models import Analysis, Evaluation
from training.services import analyses

router = Router()


class AnalysisOut(Schema):
    evaluation: int
    status: str
    error: str
    progress: dict[str, Any]
    seconds: float | None
    slices: list[dict[str, Any]] | None
    corruptions: dict[str, Any] | None
    suspects: list[dict[str, Any]] | None

    @staticmethod
    def resolve_evaluation(analysis: Analysis) -> int:
        return analysis.evaluation_id


@router.post(
    "/evaluations/{int:pk}/analysis",
    response={201: AnalysisOut},
    auth=may(Capability.LAUNCH_RUNS),
    tags=["evaluations"],
)
def create_analysis(request: HttpRequest, pk: int):
    """Have the errors of a finished evaluation analysed; what is there is answered as it is.

    Ask for it until its status is `done`; `progress` says how far it is.
    """
    evaluation = one_or_404(Evaluation.objects.select_related("run", "dataset"), pk, "evaluation")
    asked = analyses.request_analysis(evaluation, by=request.auth)
    asked.slices = analysis_page.visible_slices(asked, request.auth)
    return Status(201, asked)


@router.get(
    "/evaluations/{int:pk}/analysis",
    response=AnalysisOut,
    auth=may(Capability.BROWSE),
    tags=["evaluations"],
)
def get_analysis(request: HttpRequest, pk: int):
    """Slices, worst first; accuracy on damaged images; the 200 most suspicious labels."""
    one_or_404(Evaluation.objects.all(), pk, "evaluation")
    found = Analysis.objects.filter(evaluation_id=pk).first()
    if found is None:
        raise Http404(f"Evaluation {pk} is not analysed yet: POST here to ask for it.")
    found.slices = analysis_page.visible_slices(found, request.auth)
    return found
