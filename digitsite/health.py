"""`/healthz`: is the site fit to serve? Cheap, without sign-in, and silent about details."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from digitsite.supervisor.private_redis import answers
from inference import registry

REDIS_SECONDS = 1.0


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the database and Redis answer, else 503.

    A site without a production model yet is healthy: `production_model` is null.
    """
    report: dict[str, str | None] = {"process": "ok", "database": "ok", "production_model": None}
    try:
        connection.ensure_connection()
        model = registry.production()
        report["production_model"] = str(model) if model else None
    except DatabaseError:
        report["database"] = "unavailable"
    unreachable = answers(settings.REDIS_URL, seconds=REDIS_SECONDS)
    report["redis"] = "unavailable" if unreachable else "ok"
    healthy = report["database"] == report["redis"] == "ok"
    return JsonResponse(report, status=200 if healthy else 503)
