import pytest

from tests.factories import make_dataset, make_run
from training.forms import LaunchForm, limit, range_text
from training.ml.hyperparameters import Hyperparameters
from training.ml.recipes import DEFAULT_RECIPE, RECIPES

pytestmark = pytest.mark.django_db


def posted(form: LaunchForm, **changes) -> dict:
    """What a browser sends for this form; a switch that is off is not sent at all."""
    data = {bound.name: bound.value() for bound in form}
    data["dataset"] = getattr(data["dataset"], "pk", data["dataset"])
    data["parent"] = getattr(data["parent"], "pk", data["parent"])
    data |= changes
    return {name: value for name, value in data.items() if value is not None and value is not False}


@pytest.mark.parametrize("name", RECIPES)
def test_a_prefilled_form_sent_back_untouched_is_exactly_the_recipe(name):
    form = LaunchForm(posted(LaunchForm.prefilled(recipe=name, dataset=make_dataset())))
    assert form.is_valid(), form.errors
    assert form.cleaned_data["hyperparameters"] == RECIPES[name].hyperparameters
    assert form.cleaned_data["recipe"] == name


def test_every_hyperparameter_is_on_the_form_in_some_group_with_its_words_and_limits():
    groups = list(LaunchForm.prefilled().groups())
    fields = {field.bound.name: field for group in groups for field in group.fields}
    assert list(fields) == list(Hyperparameters.model_fields)
    for name, info in Hyperparameters.model_fields.items():
        assert fields[name].bound.label == info.title
        assert fields[name].bound.help_text == info.description
        assert fields[name].unit == info.json_schema_extra["unit"]
        attributes = fields[name].bound.field.widget.attrs
        assert attributes.get("min") == limit(info, "ge")
        assert attributes.get("max") == limit(info, "le")
    assert {group.title for group in groups} == {
        info.json_schema_extra["group"] for info in Hyperparameters.model_fields.values()
    }


def test_ranges_are_written_without_exponents():
    fields = Hyperparameters.model_fields
    assert range_text(fields["learning_rate"]) == "0.000001 to 1"
    assert range_text(fields["batch_size"]) == "8 to 1,024"
    assert range_text(fields["optimizer"]) == ""


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", "0", "Must be at least 1, got 0."),
        ("epochs", "201", "Must be at most 200, got 201."),
        ("epochs", "1.5", "Must be a whole number from 1 to 200, got “1.5”."),
        ("epochs", "many", "Must be a whole number from 1 to 200, got “many”."),
        ("learning_rate", "2", "Must be at most 1, got 2."),
        ("dropout", "", "Must be a number from 0 to 0.9, got nothing."),
        ("dropout", "nan", "Must be at most 0.9, got nan."),
        ("dropout", "1e999", "Must be at most 0.9, got 1e999."),
    ],
)
def test_a_bad_value_is_answered_beside_its_field_with_both_numbers(name, value, message):
    sent = posted(LaunchForm.prefilled(dataset=make_dataset()), **{name: value})
    form = LaunchForm(sent)
    assert not form.is_valid()
    assert form.errors == {name: [message]}


def test_all_bad_values_are_answered_at_once():
    sent = posted(LaunchForm.prefilled(dataset=make_dataset()), epochs="0", shift="99", seed="-1")
    assert set(LaunchForm(sent).errors) == {"epochs", "shift", "seed"}


def test_fields_that_contradict_each_other_are_answered_above_the_form():
    sent = posted(LaunchForm.prefilled(dataset=make_dataset()), architecture="deep", depth="2")
    form = LaunchForm(sent)
    assert not form.is_valid()
    assert "4 to 7 convolutions, got 2" in form.non_field_errors()[0]


@pytest.mark.parametrize("name", ["optimizer", "architecture", "recipe", "dataset"])
def test_a_choice_that_is_not_on_offer_is_refused(name):
    form = LaunchForm(posted(LaunchForm.prefilled(dataset=make_dataset()), **{name: "99"}))
    assert not form.is_valid()
    assert name in form.errors


def test_a_group_with_an_error_is_not_folded():
    before = {group.title: group.open for group in LaunchForm.prefilled().groups()}
    assert not before["Augmentation"]
    form = LaunchForm(posted(LaunchForm.prefilled(dataset=make_dataset()), rotation="400"))
    assert {group.title: group.open for group in form.groups()}["Augmentation"]


def test_a_clone_starts_from_the_runs_own_values():
    run = make_run(
        recipe="fast",
        hyperparameters=Hyperparameters(epochs=9, learning_rate=1 / 3, batch_norm=False),
        note="third try",
    )
    form = LaunchForm(posted(LaunchForm.prefilled(parent=run)))
    assert form.is_valid(), form.errors
    assert form.cleaned_data["hyperparameters"] == Hyperparameters(**run.hyperparameters)
    assert form.cleaned_data["parent"] == run
    assert form.cleaned_data["dataset"] == run.dataset
    assert form.cleaned_data["note"] == "third try"


def test_a_clone_of_a_run_from_before_a_hyperparameter_was_renamed_takes_the_rest():
    run = make_run()
    run.hyperparameters = {"epochs": 4, "no_longer_known": 1}
    run.recipe = "gone"
    form = LaunchForm.prefilled(parent=run)
    assert form["epochs"].value() == 4
    assert form.recipe_name == DEFAULT_RECIPE


def test_what_differs_from_the_recipe_is_marked():
    sent = posted(
        LaunchForm.prefilled(recipe="baseline", dataset=make_dataset()),
        epochs="7",
        optimizer="sgd_nesterov",
    )
    fields = [field for group in LaunchForm(sent).groups() for field in group.fields]
    marked = {field.bound.name: field.recipe_value for field in fields if field.recipe_value}
    recipe = RECIPES["baseline"].hyperparameters
    assert marked == {"epochs": str(recipe.epochs), "optimizer": recipe.optimizer}
