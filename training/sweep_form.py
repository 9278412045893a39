"""The form that plans a sweep. Ranges and kinds of the fields come from `Hyperparameters`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from training.forms import range_text
from training.ml import search_space
from training.ml.hyperparameters import Hyperparameters
from training.ml.recipes import DEFAULT_RECIPE, RECIPES
from training.ml.search_space import MOST_RUNS, Method, SpaceError
from training.models import Dataset, TrainingRun

DIMENSIONS = 6
USUAL_BUDGET = 12


@dataclass(frozen=True)
class DimensionFields:
    """One line of the form: which hyperparameter, and the values to try."""

    number: int
    name: BoundField
    values: BoundField


def field_hints() -> dict[str, str]:
    """Hyperparameter -> what may be written for it."""
    hints = {}
    for name in search_space.sweepable():
        info = Hyperparameters.model_fields[name]
        choices = search_space.choices_of(name)
        limits = range_text(info)
        unit = info.json_schema_extra["unit"]
        hints[name] = ", ".join(map(_word, choices)) if choices else f"{limits} {unit}".strip()
    return hints


class SweepForm(forms.Form):
    """When valid, `cleaned_data` also has "base", "space" and "plan"."""

    parent = forms.ModelChoiceField(
        TrainingRun.objects.all(), required=False, widget=forms.HiddenInput
    )
    recipe = forms.ChoiceField(
        choices=[(recipe.name, recipe.title) for recipe in RECIPES.values()],
        help_text="Gives every hyperparameter that is not named below.",
        error_messages={"invalid_choice": "There is no recipe called %(value)s."},
    )
    dataset = forms.ModelChoiceField(Dataset.objects.all(), empty_label=None)
    note = forms.CharField(
        max_length=200, required=False, help_text="What this sweep is meant to find out. Optional."
    )
    method = forms.ChoiceField(
        choices=[(Method.GRID, "Grid: every combination"), (Method.RANDOM, "Random draws")],
        initial=Method.GRID,
    )
    max_runs = forms.IntegerField(
        label="Budget",
        min_value=1,
        max_value=MOST_RUNS,
        initial=USUAL_BUDGET,
        help_text="No more runs than this.",
    )
    seed = forms.IntegerField(
        label="Seed of the draws",
        min_value=0,
        max_value=2**31 - 1,
        initial=0,
        help_text="The same seed draws the same runs again. A grid has no use for it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": ""} | kwargs)
        choices = [("", "–"), *_grouped_choices()]
        for number in range(DIMENSIONS):
            self.fields[f"field_{number}"] = forms.ChoiceField(
                choices=choices, required=False, label=f"Hyperparameter {number + 1}"
            )
            self.fields[f"values_{number}"] = forms.CharField(
                max_length=400, required=False, label=f"Values {number + 1}"
            )

    @property
    def dimensions(self) -> Iterator[DimensionFields]:
        for number in range(DIMENSIONS):
            yield DimensionFields(number, self[f"field_{number}"], self[f"values_{number}"])

    @classmethod
    def prefilled(
        cls,
        *,
        parent: TrainingRun | None = None,
        dataset: Dataset | None = None,
        recipe: str = DEFAULT_RECIPE,
    ) -> "SweepForm":
        """With one useful sweep to begin with; around `parent`'s hyperparameters if it is given."""
        base = _base(parent, recipe)
        rate = base.learning_rate
        return cls(
            initial={
                "parent": parent,
                "recipe": parent.recipe if parent and parent.recipe in RECIPES else recipe,
                "dataset": parent.dataset if parent else dataset,
                "field_0": "learning_rate",
                "values_0": f"{rate / 3:.2g} to {min(rate * 3, 1.0):.2g} log in 3",
                "field_1": "dropout",
                "values_1": "0, 0.2",
            }
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        given, lines = self._given(cleaned)
        if self.errors:
            return cleaned
        try:
            base = _base(cleaned.get("parent"), cleaned["recipe"])
            space = search_space.read_space(given, base)
            plan = search_space.plan(
                base,
                space,
                method=cleaned["method"],
                max_runs=cleaned["max_runs"],
                seed=cleaned["seed"],
            )
        except SpaceError as error:
            for name, sentence in error.sentences.items():
                place = f"values_{lines[name]}" if name in lines else name or None
                self.add_error(place, sentence)
        else:
            cleaned |= {"base": base, "space": space, "plan": plan}
        return cleaned

    def _given(self, cleaned: dict[str, Any]) -> tuple[dict[str, str], dict[str, int]]:
        """Text by hyperparameter, and on which line it stands."""
        given: dict[str, str] = {}
        lines: dict[str, int] = {}
        for number in range(DIMENSIONS):
            name, text = cleaned.get(f"field_{number}"), cleaned.get(f"values_{number}")
            if not name:
                if text:
                    self.add_error(f"field_{number}", "Which hyperparameter are these values of?")
                continue
            if name in given:
                self.add_error(f"field_{number}", "This one stands above already.")
            given[name], lines[name] = text or "", number
        return given, lines


def _base(parent: TrainingRun | None, recipe: str) -> Hyperparameters:
    if parent is None:
        return RECIPES[recipe].hyperparameters
    return Hyperparameters(**parent.hyperparameters)


def _grouped_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in search_space.sweepable():
        info = Hyperparameters.model_fields[name]
        groups.setdefault(info.json_schema_extra["group"], []).append((name, info.title))
    return list(groups.items())


def _word(choice: Any) -> str:
    if isinstance(choice, bool):
        return "yes" if choice else "no"
    return str(choice)
