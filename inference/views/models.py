"""The registered models: list, detail, files to download, promotion."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from inference import registry, selectors
from inference.downloads import download
from inference.model_files import proof_rows, stored_files
from inference.models import ModelVersion
from inference.services.promotion import REASON_MAX, PromotionError, promote
from training.evaluate_form import EvaluateForm


@requires(Capability.BROWSE)
@require_safe
def models(request: HttpRequest) -> HttpResponse:
    production = registry.production()
    rows = [
        {
            "version": version,
            "evaluation": selectors.headline_evaluation(version),
            "serves": production is not None and version.pk == production.pk,
        }
        for version in selectors.model_versions()
    ]
    context = {
        "rows": rows,
        "production": next((row for row in rows if row["serves"]), None),
        "promotions": selectors.promotions()[:10],
    }
    return render(request, "inference/models.html", context)


@requires(Capability.BROWSE)
@require_safe
def model(request: HttpRequest, number: int) -> HttpResponse:
    return render(request, "inference/model.html", _detail(_version(number)))


@requires(Capability.PROMOTE_MODELS)
@require_POST
def model_promote(request: HttpRequest, number: int) -> HttpResponse:
    version = _version(number)
    reason = request.POST.get("reason", "")
    try:
        promote(version, by=request.user, reason=reason)
    except PromotionError as error:
        context = _detail(version) | {"promotion_error": str(error), "reason": reason}
        return render(request, "inference/model.html", context, status=422)
    messages.success(request, f"{version} serves now. The studio follows within two seconds.")
    return redirect("model", number=number)


@requires(Capability.DOWNLOAD_MODELS)
@require_safe
def model_download(request: HttpRequest, number: int, format: str) -> StreamingHttpResponse:
    """One exported file, streamed from the storage under a name that tells the version."""
    return download(_version(number), format)


def _version(number: int) -> ModelVersion:
    return get_object_or_404(selectors.model_versions(), number=number)


def _detail(version: ModelVersion) -> dict[str, object]:
    production = registry.production()
    history = selectors.promotions()
    return {
        "version": version,
        "run": version.run,
        "evaluation": selectors.headline_evaluation(version),
        "evaluations": selectors.evaluations_of(version),
        "evaluate_form": EvaluateForm(initial={"run": version.run}),
        "files": stored_files(version),
        "proof": proof_rows(version),
        "proof_images": version.run.export_proof.get("images"),
        "production": production,
        "serves": production == version,
        "is_rollback": production is not None and version.number < production.number,
        "promotions": history[:20],
        "reason_max": REASON_MAX,
    }
