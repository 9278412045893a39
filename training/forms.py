"""The launch form, generated from `Hyperparameters`; it states no range, unit or help itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from django import forms
from django.forms.boundfield import BoundField
from django.urls import reverse_lazy
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from training.ml.hyperparameters import Hyperparameters, describe_errors
from training.ml.initial import other_network
from training.ml.recipes import DEFAULT_RECIPE, RECIPES
from training.models import Dataset, TrainingRun
from training.starting_points import fine_tuning_of, starting_points

# What a newcomer changes first; these groups start open, the others folded.
OPEN_GROUPS = frozenset({"Optimisation", "Data"})


@dataclass(frozen=True)
class HyperparameterField:
    """One hyperparameter as the template shows it."""

    bound: BoundField
    unit: str
    range: str  # "1 to 200", "" for choices and switches
    is_switch: bool
    recipe_value: str  # what the chosen recipe says, where the form says something else


@dataclass(frozen=True)
class Group:
    """Hyperparameters that belong together, folded or open."""

    title: str
    fields: list[HyperparameterField]
    open: bool


class StartField(forms.ModelChoiceField):
    """Models that a run may start from; choosing one fills in the form for fine-tuning it."""

    def __init__(self) -> None:
        super().__init__(
            starting_points().select_related("model_version", "dataset").order_by("-pk"),
            required=False,
            empty_label="Scratch: random weights",
            label="Start from",
            help_text="A model that is trained further keeps what it knows: fewer epochs, smaller "
            "steps, the same network.",
            widget=forms.Select(
                attrs={
                    "hx-get": reverse_lazy("run_new"),
                    "hx-trigger": "change",
                    "hx-target": "#launch-fields",
                    "hx-swap": "innerHTML show:none",
                }
            ),
        )

    def label_from_instance(self, run: TrainingRun) -> str:
        return f"Model v{run.model_version.number}: {run.recipe} on {run.dataset}"


class LaunchForm(forms.Form):
    """Launch a run. When valid, `cleaned_data["hyperparameters"]` is a `Hyperparameters`.

    Start it with `LaunchForm.prefilled(...)`, or bind the data of a POST.
    """

    recipe = forms.ChoiceField(
        choices=[(recipe.name, recipe.title) for recipe in RECIPES.values()],
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": "There is no recipe called %(value)s."},
    )
    parent = forms.ModelChoiceField(
        TrainingRun.objects.all(), required=False, widget=forms.HiddenInput
    )
    dataset = forms.ModelChoiceField(
        Dataset.objects.filter(train_count__gt=0),
        empty_label=None,
        label="Dataset",
        help_text="The network learns from its training split and is judged on its test split.",
    )
    initial_run = StartField()
    note = forms.CharField(
        max_length=200, required=False, help_text="What this run is meant to find out. Optional."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": ""} | kwargs)
        for name, info in Hyperparameters.model_fields.items():
            self.fields[name] = _form_field(info)

    @classmethod
    def prefilled(
        cls,
        *,
        recipe: str = DEFAULT_RECIPE,
        parent: TrainingRun | None = None,
        dataset: Dataset | None = None,
        initial_run: TrainingRun | None = None,
    ) -> "LaunchForm":
        """Every field filled in by a recipe, by the run to clone, or for fine-tuning a model."""
        if initial_run is not None:
            usual = initial_run.recipe if initial_run.recipe in RECIPES else DEFAULT_RECIPE
            values = fine_tuning_of(initial_run).model_dump()
            given = {"recipe": usual, "dataset": dataset, "initial_run": initial_run}
            return cls(initial=given | _texts(values))
        if parent is None:
            values = RECIPES[recipe].hyperparameters.model_dump()
            return cls(initial={"recipe": recipe, "dataset": dataset, **_texts(values)})
        return cls(
            initial={
                "recipe": parent.recipe if parent.recipe in RECIPES else DEFAULT_RECIPE,
                "parent": parent,
                "dataset": parent.dataset,
                "initial_run": parent.initial_run,
                "note": parent.note,
                **_texts(parent.hyperparameters),
            }
        )

    @property
    def recipe_name(self) -> str:
        """The chosen recipe; the default one where the form names none that exists."""
        name = self["recipe"].value()
        return name if name in RECIPES else DEFAULT_RECIPE

    def groups(self) -> Iterator[Group]:
        recipe = RECIPES[self.recipe_name].hyperparameters
        by_title: dict[str, list[HyperparameterField]] = {}
        for name, info in Hyperparameters.model_fields.items():
            field = HyperparameterField(
                bound=self[name],
                unit=info.json_schema_extra["unit"],
                range=range_text(info),
                is_switch=info.annotation is bool,
                recipe_value=_if_changed(getattr(recipe, name), self[name].value()),
            )
            by_title.setdefault(info.json_schema_extra["group"], []).append(field)
        for title, fields in by_title.items():
            faulty = any(field.bound.errors for field in fields)
            yield Group(title, fields, open=faulty or title in OPEN_GROUPS)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        given = {name: cleaned.get(name) for name in Hyperparameters.model_fields}
        given = {name: value for name, value in given.items() if name not in self.errors}
        try:
            cleaned["hyperparameters"] = Hyperparameters(**given)
        except ValidationError as error:
            for name, message in _sentences(error).items():
                self.add_error(name or None, message)
        else:
            self._check_start(cleaned)
        return cleaned

    def _check_start(self, cleaned: dict[str, Any]) -> None:
        source = cleaned.get("initial_run")
        difference = source and other_network(source.hyperparameters, cleaned["hyperparameters"])
        if difference:
            self.add_error(
                "initial_run",
                f"Another network. {difference}. Keep the model's, or start from scratch.",
            )


def range_text(info: FieldInfo) -> str:
    """ "1 to 200" from the limits of a field; "" where there are none."""
    low, high = limit(info, "ge"), limit(info, "le")
    return "" if low is None or high is None else f"{_plain(low)} to {_plain(high)}"


def limit(info: FieldInfo, kind: Literal["ge", "le"]) -> float | None:
    """The lowest ("ge") or highest ("le") value of a field; None without one."""
    return next((getattr(item, kind) for item in info.metadata if hasattr(item, kind)), None)


def _if_changed(usual: Any, given: Any) -> str:
    """The recipe's value in words if the form holds another one; both may be text or numbers."""
    if isinstance(usual, float | int) and not isinstance(usual, bool):
        try:
            same = float(given) == usual
        except (TypeError, ValueError):
            same = False
        return "" if same else f"{usual:.6g}"
    return "" if str(given) == str(usual) else str(usual).replace("_", " ")


def _plain(number: float) -> str:
    if isinstance(number, int):
        return f"{number:,}"
    return f"{number:.10f}".rstrip("0").rstrip(".")


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    """Whole floats without their ".0"; nothing else changes, so nothing is rounded."""
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in values.items()
    }


def _form_field(info: FieldInfo) -> forms.Field:
    """A form field that leaves parsing and limits to pydantic; the widget only shows them."""
    texts = {"label": info.title, "help_text": info.description}
    if get_origin(info.annotation) is Literal:
        choices = [(value, value.replace("_", " ")) for value in get_args(info.annotation)]
        return forms.ChoiceField(choices=choices, **texts)
    if info.annotation is bool:
        return forms.BooleanField(required=False, **texts)
    widget = forms.NumberInput(
        attrs={
            "min": limit(info, "ge"),
            "max": limit(info, "le"),
            "step": "1" if info.annotation is int else "any",
            "autocomplete": "off",
        }
    )
    return forms.CharField(required=False, max_length=40, widget=widget, **texts)


def _sentences(error: ValidationError) -> dict[str, str]:
    """`describe_errors`, with plainer words for what is no number at all."""
    sentences = describe_errors(error)
    for item in error.errors():
        if not item["type"].endswith(("_parsing", "_from_float", "_type")) or not item["loc"]:
            continue
        name = str(item["loc"][0])
        info = Hyperparameters.model_fields[name]
        kind = "a whole number" if info.annotation is int else "a number"
        given = f"got “{item['input']}”" if item["input"] else "got nothing"
        sentences[name] = f"Must be {kind} from {range_text(info)}, {given}."
    return sentences
