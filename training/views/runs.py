"""Pages of training runs: list, launch, one run live, cancel and resume."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from training import event_file, live, run_listing, run_page, selectors
from training.comparison import MOST_RUNS as MOST_COMPARED
from training.forms import LaunchForm
from training.ml.recipes import DEFAULT_RECIPE, RECIPES
from training.models import Dataset, TrainingRun
from training.services.runs import RunError, create_run, request_cancel, resume_run
from training.starting_points import starting_points

RUNS_PER_PAGE = 25


@require_GET
@requires(Capability.BROWSE)
def run_list(request: HttpRequest) -> HttpResponse:
    query = request.GET
    wanted = run_listing.Filter.parse(
        query.get("status", ""), query.get("owner", ""), request.user.pk
    )
    page = Paginator(run_listing.listed(wanted), RUNS_PER_PAGE).get_page(query.get("page"))
    counts = run_listing.counts(wanted)
    shown = {
        "page": page,
        "wanted": wanted,
        "counts": counts,
        "tabs": [
            {"status": value, "label": label, "count": counts[value]}
            for value, label in TrainingRun.Status.choices
        ],
        "owners": run_listing.owners(),
        "refreshes": any(not run.is_final for run in page),
        "picked": {int(text) for text in query.getlist("run") if text.isdecimal()},
        "most_compared": MOST_COMPARED,
    }
    template = "training/_run_rows.html" if request.htmx else "training/run_list.html"
    return render(request, template, shown)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Capability.LAUNCH_RUNS)
def run_new(request: HttpRequest) -> HttpResponse:
    if not Dataset.objects.exists():
        return render(request, "training/run_new_without_data.html")
    form = LaunchForm(request.POST) if request.method == "POST" else _prefilled(request)
    if form.is_bound and form.is_valid():
        run = create_run(
            owner=request.user,
            dataset=form.cleaned_data["dataset"],
            recipe=form.cleaned_data["recipe"],
            hyperparameters=form.cleaned_data["hyperparameters"],
            note=form.cleaned_data["note"],
            parent=form.cleaned_data["parent"],
            initial_run=form.cleaned_data["initial_run"],
        )
        messages.success(request, f"Run {run.pk} is in the queue.")
        return redirect("run", pk=run.pk)
    shown = {"form": form, "recipes": RECIPES.values(), "groups": list(form.groups())}
    template = "training/_launch_fields.html" if request.htmx else "training/run_new.html"
    return render(request, template, shown, status=422 if form.is_bound else 200)


def _prefilled(request: HttpRequest) -> LaunchForm:
    clone = request.GET.get("clone", "")
    if clone:
        if not (clone.isascii() and clone.isdigit()):
            raise Http404(f"There is no run {clone}.")
        return LaunchForm.prefilled(parent=get_object_or_404(TrainingRun, pk=clone))
    start = request.GET.get("initial_run", "")
    if start:
        if not (start.isascii() and start.isdigit()):
            raise Http404(f"There is no run {start}.")
        source = get_object_or_404(starting_points(), pk=start)
        return LaunchForm.prefilled(initial_run=source, dataset=_wanted_dataset(request))
    recipe = request.GET.get("recipe", DEFAULT_RECIPE)
    if recipe not in RECIPES:
        raise Http404(f"There is no recipe called {recipe}.")
    return LaunchForm.prefilled(recipe=recipe, dataset=_wanted_dataset(request))


def _wanted_dataset(request: HttpRequest) -> Dataset | None:
    """The dataset of ?dataset=, which a dataset's page links with; else the usual one."""
    wanted = request.GET.get("dataset", "")
    if wanted.isascii() and wanted.isdigit():
        return get_object_or_404(Dataset, pk=wanted)
    return selectors.default_dataset()


@never_cache
@require_GET
@requires(Capability.BROWSE)
def run_detail(request: HttpRequest, pk: int) -> HttpResponse:
    run = _run_or_404(pk)
    shown = run_page.context(request.user, run)
    shown |= {
        "regions": run_page.render(request, shown),
        "hyperparameters": run_page.hyperparameter_rows(run),
        "is_over": live.is_over(run),
    }
    return render(request, "training/run_detail.html", shown)


@never_cache
@require_GET
@requires(Capability.BROWSE)
def run_live(request: HttpRequest, pk: int) -> HttpResponse:
    """All regions at once, for pages whose stream fails."""
    run = _run_or_404(pk)
    regions = run_page.render(request, run_page.context(request.user, run))
    shown = {"regions": regions.items(), "is_over": live.is_over(run)}
    return render(request, "training/_run_live.html", shown)


@require_GET
@requires(Capability.BROWSE)
async def run_events(request: HttpRequest, pk: int) -> HttpResponse:
    user = await request.auser()
    if not await TrainingRun.objects.filter(pk=pk).aexists():
        raise Http404(f"There is no run {pk}.")
    if live.is_full(user.pk):
        message = "Too many live pages are open. This one asks every two seconds instead."
        error = {"code": "too_many_streams", "message": message}
        return JsonResponse({"error": error}, status=429, headers={"Retry-After": "10"})
    return StreamingHttpResponse(
        live.stream(request, pk),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"},
    )


@require_GET
@never_cache
@requires(Capability.BROWSE)
def run_tensorboard(request: HttpRequest, pk: int) -> HttpResponse:
    """The curves so far, as a file for TensorBoard."""
    run = _run_or_404(pk)
    return HttpResponse(
        event_file.event_file(run),
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{event_file.file_name(run)}"'},
    )


@require_POST
@requires(Capability.LAUNCH_RUNS)
def run_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    return _steer(request, pk, request_cancel, "Run {} stops; what it learned so far is kept.")


@require_POST
@requires(Capability.LAUNCH_RUNS)
def run_resume(request: HttpRequest, pk: int) -> HttpResponse:
    return _steer(request, pk, resume_run, "Run {} is in the queue again.")


def _steer(request: HttpRequest, pk: int, service, done: str) -> HttpResponse:
    run = _run_or_404(pk)
    if not run_page.may_steer(request.user, run):
        raise PermissionDenied("Only its owner or an administrator may do this to a run.")
    try:
        service(run, by=request.user)
    except RunError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done.format(run.pk))
    return redirect("run", pk=run.pk)


def _run_or_404(pk: int) -> TrainingRun:
    try:
        return run_page.get_run(pk)
    except TrainingRun.DoesNotExist:
        raise Http404(f"There is no run {pk}.") from None
