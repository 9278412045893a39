"""Evaluate on...: the form on the pages of a run and of a model."""

from itertools import groupby

from django import forms

from training.models import Dataset, TrainingRun
from training.services.evaluations import SPLITS


class EvaluateForm(forms.Form):
    """Which split of which dataset. When valid, `cleaned_data` has run, dataset and split."""

    run = forms.ModelChoiceField(
        TrainingRun.objects.all(),
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": "There is no such run."},
    )
    on = forms.ChoiceField(
        label="Evaluate on",
        error_messages={
            "required": "Choose what to evaluate on.",
            "invalid_choice": "There is no such split of a dataset.",
        },
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["on"].choices = _choices

    def clean(self) -> dict:
        cleaned = super().clean()
        if on := cleaned.get("on"):
            number, cleaned["split"] = on.split("/")
            cleaned["dataset"] = Dataset.objects.get(pk=number)
        return cleaned


def _choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Splits that have images, a group for each dataset; the newest version first."""
    rows = [
        (str(dataset), f"{dataset.pk}/{split}", f"{dataset}, {split} split ({count:,} images)")
        for dataset in Dataset.objects.order_by("name", "-version")
        for split in reversed(SPLITS)
        if (count := getattr(dataset, f"{split}_count"))
    ]
    return [
        (name, [(value, label) for _, value, label in group])
        for name, group in groupby(rows, key=lambda row: row[0])
    ]
