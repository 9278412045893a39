"""Making a dataset of the settled drawings, and what came of it."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from inference import snapshot_contents
from inference.models import Snapshot
from inference.services.snapshots import (
    DEFAULT_NAME,
    NAME_MAX,
    SnapshotError,
    request_snapshot,
)
from training import selectors
from training.ml.mixing import DEFAULT_SMALL_SHARE, MOST_COPIES, slots
from training.models import Dataset

Status = Snapshot.Status


class SnapshotForm(forms.Form):
    percent = forms.IntegerField(
        min_value=1,
        max_value=99,
        label="Share of drawings in the mixture",
        help_text="Per cent of the training split. Drawings are few, so each goes in several times "
        f"to reach it, at most {MOST_COPIES} times.",
    )
    name = forms.CharField(
        max_length=NAME_MAX,
        label="Name",
        help_text="Datasets of one name are numbered: the next one is its next version.",
    )

    def __init__(self, *args, **kwargs) -> None:
        usual = {"percent": round(100 * DEFAULT_SMALL_SHARE), "name": DEFAULT_NAME}
        super().__init__(*args, **{"label_suffix": "", "initial": usual} | kwargs)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Capability.LAUNCH_RUNS)
def snapshot_new(request: HttpRequest) -> HttpResponse:
    form = SnapshotForm(request.POST) if request.method == "POST" else SnapshotForm()
    if form.is_bound and form.is_valid():
        try:
            snapshot = request_snapshot(
                request.user,
                mnist_share=1 - form.cleaned_data["percent"] / 100,
                name=form.cleaned_data["name"],
            )
        except SnapshotError as error:
            messages.error(request, str(error))
        else:
            return redirect("snapshot", pk=snapshot.pk)
    contents = snapshot_contents.contents(form["name"].value() or DEFAULT_NAME)
    shown = {
        "form": form,
        "contents": contents,
        "mixture": _mixture(request.GET.get("percent", ""), form, contents.training.drawings),
        "recent": Snapshot.objects.select_related("drawings", "mixed", "asked_by")[:5],
    }
    template = "inference/_snapshot_mixture.html" if request.htmx else "inference/snapshot_new.html"
    return render(request, template, shown, status=422 if form.is_bound else 200)


def _mixture(asked: str, form: SnapshotForm, drawings: int) -> dict | None:
    """How MNIST and the drawings would share the training split; None without one of them."""
    mnist = Dataset.objects.filter(kind=Dataset.Kind.MNIST).order_by("-pk").first()
    if mnist is None or not drawings:
        return None
    given = asked or str(form["percent"].value())
    percent = int(given) if given.isascii() and given.isdigit() and len(given) < 3 else 0
    if not 1 <= percent <= 99:
        return None
    images = slots(mnist.train_count, drawings, 1 - percent / 100)
    return {
        "mnist": mnist,
        "images": images,
        "copies": images / drawings,
        "share": images / (images + mnist.train_count),
        "percent": percent,
    }


@never_cache
@require_safe
@requires(Capability.LAUNCH_RUNS)
def snapshot(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(
        Snapshot.objects.select_related("drawings", "mixed", "asked_by"), pk=pk
    )
    shown = {
        "snapshot": found,
        "is_over": found.status != Status.PENDING,
        "default_dataset": selectors.default_dataset(),
    }
    template = "inference/_snapshot.html" if request.htmx else "inference/snapshot.html"
    return render(request, template, shown)
