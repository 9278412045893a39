"""Two models side by side on one split, and asking for the evaluations that this needs."""

from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from inference import registry, side_by_side
from inference.models import ModelVersion
from inference.promotion_gate import ALPHA
from inference.services import judging
from training.models import Dataset
from training.services.evaluations import SPLITS


class VersionField(forms.ModelChoiceField):
    def __init__(self, label: str) -> None:
        super().__init__(
            ModelVersion.objects.select_related("run__dataset"),
            to_field_name="number",
            empty_label=None,
            label=label,
            error_messages={"invalid_choice": f"{label}: there is no such version."},
        )

    def label_from_instance(self, version: ModelVersion) -> str:
        return f"{version} ({version.run.recipe})"


class CompareForm(forms.Form):
    """a, b: numbers of versions; on: "dataset/split" or, in links, dataset and split apart."""

    a = VersionField("First model")
    b = VersionField("Second model")
    on = forms.ChoiceField(
        label="On",
        error_messages={"invalid_choice": "There is no such split of a dataset."},
    )

    def __init__(self, data, *args, **kwargs) -> None:
        super().__init__(data, *args, **kwargs)
        self.fields["on"].choices = [
            (f"{dataset.pk}/{split}", f"{dataset}, {split} split ({count:,})")
            for dataset in Dataset.objects.order_by("name", "-version")
            for split in reversed(SPLITS)
            if (count := getattr(dataset, f"{split}_count"))
        ]

    def clean(self) -> dict:
        cleaned = super().clean()
        if cleaned.get("a") is not None and cleaned.get("a") == cleaned.get("b"):
            raise forms.ValidationError("Choose two different models.")
        if on := cleaned.get("on"):
            number, cleaned["split"] = on.split("/")
            cleaned["dataset"] = Dataset.objects.get(pk=number)
        return cleaned


@requires(Capability.BROWSE)
@require_safe
def models_compare(request: HttpRequest) -> HttpResponse:
    form = CompareForm(_filled_in(request.GET))
    context: dict[str, object] = {"form": form, "enough": ModelVersion.objects.count() > 1}
    if not context["enough"] or not form.is_valid():
        return render(
            request, "inference/compare.html", context, status=400 if context["enough"] else 200
        )
    asked = form.cleaned_data
    pair = side_by_side.pair(asked["a"], asked["b"], asked["dataset"], asked["split"])
    context["pair"] = pair
    if pair.is_done:
        found = side_by_side.compared(pair)
        group = request.GET.get("show", "")
        if group not in side_by_side.GROUPS:
            group = next((key for key in ("broken", "fixed") if getattr(found, key)), "both_wrong")
        context |= {
            "found": found,
            "verdict": side_by_side.verdict(pair, found),
            "groups": [
                {"key": key, "title": title, "count": len(getattr(found, key))}
                for key, title in side_by_side.GROUPS.items()
            ],
            "group": group,
            "page": side_by_side.images(pair, found, group, request.GET.get("page")),
            "fallen": [row.digit for row in found.fallen_digits(ALPHA)],
        }
    return render(request, "inference/compare.html", context)


@requires(Capability.LAUNCH_RUNS)
@require_POST
def models_compare_judge(request: HttpRequest) -> HttpResponse:
    """Ask for the evaluations that the comparison lacks, then show it."""
    form = CompareForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(errors))
        return redirect("models_compare")
    asked = form.cleaned_data
    judging.request_pair((asked["a"], asked["b"]), asked["dataset"], asked["split"], request.user)
    return redirect(compare_url(asked["a"], asked["b"], asked["dataset"], asked["split"]))


def compare_url(a: ModelVersion, b: ModelVersion, dataset: Dataset, split: str) -> str:
    query = {"a": a.number, "b": b.number, "dataset": dataset.pk, "split": split}
    return f"{reverse('models_compare')}?{urlencode(query)}"


def _filled_in(asked) -> dict[str, object]:
    """What the address leaves open: production against the newest other, on MNIST's test split."""
    data = asked.dict()
    if "dataset" in data:
        data.setdefault("on", f"{data['dataset']}/{data.get('split', 'test')}")
    production = registry.production()
    newest = ModelVersion.objects.select_related("run__dataset")
    first = production or newest.order_by("number").first()
    if first is None:
        return data
    data.setdefault("a", first.number)
    if "b" not in data and (other := newest.exclude(number=_number(data["a"])).first()):
        data["b"] = other.number
    dataset, split = side_by_side.default_split(first)
    data.setdefault("on", f"{dataset.pk}/{split}")
    return data


def _number(text: object) -> int:
    return int(text) if str(text).isdecimal() and len(str(text)) < 10 else -1
