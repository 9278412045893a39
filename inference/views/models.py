"""The registered models: list, detail, files to download, promotion."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from inference import registry, selectors
from inference.downloads import download
from inference.model_files import proof_rows, stored_files
from inference.models import ModelVersion
from inference.promotion_gate import gate_report
from inference.services import judging
from inference.services.promotion import REASON_MAX, GateRefused, PromotionError, promote
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
        "former": selectors.former_production(),
        "promotions": selectors.promotions()[:10],
    }
    return render(request, "inference/models.html", context)


@requires(Capability.BROWSE)
@require_safe
def model(request: HttpRequest, number: int) -> HttpResponse:
    detail = _detail(_version(number))
    gate = detail["gate"]
    if request.htmx.target == "gate-report" and (gate is None or not gate.is_pending):
        return HttpResponseClientRefresh()  # decided: the forms around the report change too
    return render(request, "inference/model.html", detail)


@requires(Capability.PROMOTE_MODELS)
@require_POST
def model_promote(request: HttpRequest, number: int) -> HttpResponse:
    version = _version(number)
    reason = request.POST.get("reason", "")
    override = request.POST.get("override") == "yes"
    try:
        promote(version, by=request.user, reason=reason, override=override)
    except PromotionError as error:
        sentence = (
            "The gate does not let it pass: see above." if isinstance(error, GateRefused) else error
        )
        context = _detail(version) | {
            "promotion_error": str(sentence),
            "reason": reason,
            "override": override,
        }
        status = 409 if isinstance(error, GateRefused) else 422
        return render(request, "inference/model.html", context, status=status)
    messages.success(request, f"{version} serves now. The studio follows within two seconds.")
    return redirect("model", number=number)


@requires(Capability.LAUNCH_RUNS)
@require_POST
def model_judge(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for the evaluations that the gate lacks."""
    judging.request_for_gate(_version(number), by=request.user)
    return redirect(f"{reverse('model', args=[number])}#promotion")


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
        "gate": None if production == version else gate_report(version, production),
        "former": selectors.former_production(),
        "others": ModelVersion.objects.exclude(pk=version.pk).exists(),
        "promotions": list(history[:20]),
        "reason_max": REASON_MAX,
    }
