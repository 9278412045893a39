"""Uploading a dataset: the form, how far it is, and what was left out."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect

from digitsite.accounts import limits
from digitsite.accounts.access import requires
from digitsite.accounts.rate import TooOften
from digitsite.accounts.roles import Capability
from training.ml.uploads import FORMATS
from training.models import DatasetUpload
from training.services import dataset_uploads
from training.services.dataset_uploads import Texts, UploadError
from training.upload_form import UploadForm, caps


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Capability.LAUNCH_RUNS)
def upload_new(request: HttpRequest) -> HttpResponse:
    form = UploadForm()
    status = 200
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        status = 422
        if form.is_valid():
            values = dict(form.cleaned_data)
            try:
                limits.uploads.take(request.user.pk)
                files = values.pop("files")
                upload = dataset_uploads.request_upload(request.user, files, Texts(**values))
            except (UploadError, TooOften) as error:
                form.add_error(None, str(error))
                status = 429 if isinstance(error, TooOften) else 422
            else:
                target = reverse("upload", args=[upload.pk])
                return HttpResponseClientRedirect(target) if request.htmx else redirect(target)
    shown = {
        "form": form,
        "caps": caps(),
        "recent": DatasetUpload.objects.select_related("dataset", "owner")[:6],
    }
    return render(request, "training/upload_new.html", shown, status=status)


@never_cache
@require_safe
@requires(Capability.LAUNCH_RUNS)
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(DatasetUpload.objects.select_related("dataset", "owner"), pk=pk)
    shown = {"upload": found, "format": FORMATS.get(found.report.get("format"), "")}
    template = "training/_upload_state.html" if request.htmx else "training/upload.html"
    return render(request, template, shown)


@never_cache
@require_safe
@requires(Capability.LAUNCH_RUNS)
def upload_report(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything that was left out, as a file."""
    found = get_object_or_404(DatasetUpload, pk=pk)
    try:
        content = dataset_uploads.left_out(found)
    except OSError as error:
        raise Http404("The list is missing from the storage.") from error
    if content is None:
        raise Http404("Nothing was left out of this upload.")
    name = f'attachment; filename="upload-{found.pk}-left-out.csv"'
    return HttpResponse(
        content, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": name}
    )
