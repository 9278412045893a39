"""The REST API under /api/v1: the apps' routers, one shape of errors, the documentation page."""

import logging

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from digitsite import __version__
from digitsite.accounts.access import requires
from digitsite.accounts.api_access import ApiError
from digitsite.accounts.rate import TooOften
from digitsite.accounts.roles import Capability
from inference.api import router as inference_router
from inference.export_api import router as export_router
from inference.predictor import ModelUnavailable, NoProductionModel
from inference.review_api import router as review_router
from inference.services.promotion import GateRefused, PromotionError
from inference.services.reviews import ReviewError
from inference.services.snapshots import SnapshotError
from inference.share_api import router as share_router
from inference.snapshot_api import router as snapshot_router
from training.analysis_api import router as analysis_router
from training.api import router as training_router
from training.dataset_api import router as dataset_router
from training.ml.preprocess import DrawingError
from training.services.analyses import AnalysisError
from training.services.dataset_uploads import UploadError
from training.services.evaluations import EvaluationError
from training.services.runs import RunError
from training.sweep_api import router as sweep_router
from training.upload_api import router as upload_router

logger = logging.getLogger(__name__)

api = NinjaAPI(
    title="Digitsite",
    version=__version__,
    description="Everything the site can do, for programs. Send `Authorization: Bearer TOKEN`; "
    "tokens are made under Account or with `manage.py create_token`. Every error has the shape "
    '`{"error": {"code": ..., "message": ...}}`.',
    docs_decorator=requires(Capability.BROWSE),
    urls_namespace="api",
)
api.add_router("", training_router)
api.add_router("", upload_router)
api.add_router("", dataset_router)
api.add_router("", analysis_router)
api.add_router("", sweep_router)
api.add_router("", inference_router)
api.add_router("", export_router)
api.add_router("", snapshot_router)
api.add_router("", share_router)
api.add_router("", review_router)


def _refuse(request: HttpRequest, status: int, code: str, message: str, **details) -> HttpResponse:
    return api.create_response(
        request, {"error": {"code": code, "message": message, **details}}, status=status
    )


@api.exception_handler(ApiError)
def _api_error(request, error: ApiError) -> HttpResponse:
    return _refuse(request, error.status, error.code, error.message, **error.details)


@api.exception_handler(ValidationError)
def _invalid(request, error: ValidationError) -> HttpResponse:
    fields = [
        {"field": ".".join(str(part) for part in item["loc"][1:]), "message": item["msg"]}
        for item in error.errors
    ]
    first = fields[0]
    message = f"{first['field'] or 'The body'}: {first['message']}"
    return _refuse(request, 422, "invalid", message, fields=fields)


@api.exception_handler(AuthenticationError)
def _stranger(request, error) -> HttpResponse:
    return _refuse(request, 401, "not_signed_in", "Send `Authorization: Bearer TOKEN`, or sign in.")


@api.exception_handler(Http404)
def _not_found(request, error) -> HttpResponse:
    return _refuse(request, 404, "not_found", str(error) or "There is no such thing.")


@api.exception_handler(PermissionDenied)
def _forbidden(request, error) -> HttpResponse:
    return _refuse(request, 403, "forbidden", str(error) or "You may not do this.")


@api.exception_handler(HttpError)
def _http(request, error: HttpError) -> HttpResponse:
    code = {400: "bad_request", 403: "csrf"}.get(error.status_code, "refused")
    return _refuse(request, error.status_code, code, str(error))


@api.exception_handler(DrawingError)
def _drawing(request, error: DrawingError) -> HttpResponse:
    return _refuse(request, 422, f"drawing_{error.code}", str(error))


@api.exception_handler(NoProductionModel)
def _no_model(request, error) -> HttpResponse:
    return _refuse(request, 503, "no_model", str(error))


@api.exception_handler(ModelUnavailable)
def _model_unavailable(request, error) -> HttpResponse:
    return _refuse(request, 503, "model_unavailable", str(error))


@api.exception_handler(RunError)
@api.exception_handler(EvaluationError)
@api.exception_handler(AnalysisError)
@api.exception_handler(ReviewError)
@api.exception_handler(PromotionError)
@api.exception_handler(SnapshotError)
def _conflict(request, error) -> HttpResponse:
    return _refuse(request, 409, "conflict", str(error))


@api.exception_handler(UploadError)
def _upload(request, error: UploadError) -> HttpResponse:
    return _refuse(request, 422, "invalid", str(error))


@api.exception_handler(GateRefused)
def _gate(request, error: GateRefused) -> HttpResponse:
    report = error.report
    return _refuse(
        request,
        409,
        f"gate_{report.verdict}",
        str(error),
        reasons=report.reasons,
        report=report.as_dict(),
    )


@api.exception_handler(TooOften)
def _too_often(request, error: TooOften) -> HttpResponse:
    response = _refuse(request, 429, "too_often", str(error))
    response["Retry-After"] = str(error.retry_after_seconds)
    return response


@api.exception_handler(RequestDataTooBig)
def _too_big(request, error) -> HttpResponse:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return _refuse(request, 413, "too_large", f"A body has at most {most:,} bytes.", maximum=most)


@api.exception_handler(Exception)
def _broken(request, error) -> HttpResponse:
    logger.exception("event=api-error path=%s", request.path, exc_info=error)
    return _refuse(request, 500, "internal", "Something broke here; administrators find it logged.")
