"""Pages of sweeps: list, plan, launch, one sweep, cancel."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from training import comparison, run_page, selectors, sweep_page
from training.models import Dataset, Sweep, TrainingRun
from training.services.runs import RunError
from training.services.sweeps import cancel_sweep, create_sweep
from training.sweep_form import SweepForm, field_hints

SWEEPS_PER_PAGE = 25


@require_GET
@requires(Capability.BROWSE)
def sweep_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(sweep_page.listed(), SWEEPS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "training/sweep_list.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Capability.LAUNCH_RUNS)
def sweep_new(request: HttpRequest) -> HttpResponse:
    if not Dataset.objects.exists():
        return render(request, "training/run_new_without_data.html")
    form = SweepForm(request.POST) if request.method == "POST" else _prefilled(request)
    if form.is_bound and form.is_valid():
        cleaned = form.cleaned_data
        given = (
            *("dataset", "recipe", "base", "space", "method", "plan"),
            *("max_runs", "seed", "note", "parent"),
        )
        try:
            sweep = create_sweep(owner=request.user, **{name: cleaned[name] for name in given})
        except RunError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Sweep {sweep.pk}: {len(cleaned['plan'].runs)} runs queued.")
            return redirect("sweep", pk=sweep.pk)
    shown = {"form": form, "hints": field_hints()}
    return render(request, "training/sweep_new.html", shown, status=422 if form.is_bound else 200)


def _prefilled(request: HttpRequest) -> SweepForm:
    wanted = request.GET.get("run", "")
    if not wanted:
        return SweepForm.prefilled(dataset=selectors.default_dataset())
    if not (wanted.isascii() and wanted.isdigit()):
        raise Http404(f"There is no run {wanted}.")
    return SweepForm.prefilled(parent=get_object_or_404(TrainingRun, pk=wanted))


@require_POST
@requires(Capability.LAUNCH_RUNS)
def sweep_plan(request: HttpRequest) -> HttpResponse:
    """What the form, as it stands, would launch and cost. Launches nothing."""
    form = SweepForm(request.POST)
    shown: dict = {"form": form}
    if form.is_valid():
        plan = form.cleaned_data["plan"]
        shown |= {
            "plan": plan,
            "estimate": sweep_page.estimate(
                plan, form.cleaned_data["dataset"], form.cleaned_data["recipe"]
            ),
            "combinations": sweep_page.combinations(form.cleaned_data["space"], plan),
        }
    return render(request, "training/_sweep_plan.html", shown)


@never_cache
@require_GET
@requires(Capability.BROWSE)
def sweep_detail(request: HttpRequest, pk: int) -> HttpResponse:
    sweep = _sweep_or_404(pk)
    standing = sweep_page.standing(sweep)
    measured = [row.run.pk for row in standing.rows if row.accuracy is not None]
    shown = {
        "sweep": sweep,
        "standing": standing,
        "figure": sweep_page.figure(standing),
        "may_cancel": sweep_page.may_cancel(request.user, sweep),
        "compared": measured[: comparison.MOST_RUNS],
        "live_workers": None if standing.is_over else selectors.live_train_workers(),
        "start_a_worker": run_page.START_A_WORKER,
    }
    template = "training/_sweep_live.html" if request.htmx else "training/sweep_detail.html"
    return render(request, template, shown)


@require_POST
@requires(Capability.LAUNCH_RUNS)
def sweep_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    sweep = _sweep_or_404(pk)
    if not sweep_page.may_cancel(request.user, sweep):
        raise PermissionDenied("Only its owner or an administrator may cancel a sweep.")
    try:
        count = cancel_sweep(sweep, by=request.user)
    except RunError as error:
        messages.error(request, str(error))
    else:
        said = f"{count} run{'' if count == 1 else 's'} cancelled." if count else "It was over."
        messages.success(request, said)
    return redirect("sweep", pk=sweep.pk)


def _sweep_or_404(pk: int) -> Sweep:
    sweep = Sweep.objects.select_related("owner", "dataset").filter(pk=pk).first()
    if sweep is None:
        raise Http404(f"There is no sweep {pk}.")
    return sweep
