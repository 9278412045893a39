import pytest
from pydantic import ValidationError

from training.ml.hyperparameters import Hyperparameters, describe_errors
from training.ml.recipes import DEFAULT_RECIPE, RECIPES


def errors_of(**values) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        Hyperparameters(**values)
    return describe_errors(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, "Must be at least 1, got 0."),
        ("epochs", 500, "Must be at most 200, got 500."),
        ("dropout", 0.95, "Must be at most 0.9, got 0.95."),
        ("batch_size", 2, "Must be at least 8, got 2."),
        ("learning_rate", 0, "Must be at least 1e-06, got 0."),
    ],
)
def test_a_value_out_of_range_names_the_limit_and_the_value(name, value, message):
    assert errors_of(**{name: value}) == {name: message}


def test_each_bad_field_has_its_own_message():
    assert set(errors_of(epochs=0, dropout=2, optimizer="lion")) == {
        "epochs",
        "dropout",
        "optimizer",
    }


def test_a_choice_that_does_not_exist_names_the_choices():
    message = errors_of(optimizer="lion")["optimizer"]
    assert "'adam'" in message
    assert "'lion'" in message


def test_an_unknown_name_is_refused():
    assert errors_of(epoch=3) == {"epoch": "There is no hyperparameter called 'epoch'."}


def test_not_a_number_is_refused():
    assert set(errors_of(learning_rate=float("nan"))) == {"learning_rate"}


def test_depth_must_fit_the_architecture():
    assert "needs 2 to 3 convolutions, got 5" in errors_of(architecture="strided", depth=5)[""]


def test_early_stopping_needs_validation():
    assert "validation share" in errors_of(early_stopping_patience=2, validation_share=0)[""]


def test_every_field_has_a_title_a_help_and_a_group():
    for name, field in Hyperparameters.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert field.json_schema_extra["group"], name
        assert "unit" in field.json_schema_extra, name


def test_every_recipe_is_valid_and_survives_json():
    for recipe in RECIPES.values():
        values = recipe.hyperparameters.model_dump(mode="json")
        assert Hyperparameters(**values) == recipe.hyperparameters


def test_the_promised_recipes_are_there():
    assert set(RECIPES) == {"baseline", "improved", "fast", "balanced", "best", "ensemble"}
    assert DEFAULT_RECIPE == "fast"


def test_the_baseline_is_the_classic():
    classic = RECIPES["baseline"].hyperparameters
    assert (classic.architecture, classic.depth, classic.filters) == ("classic", 2, 32)
    assert (classic.batch_size, classic.epochs, classic.dense_units) == (64, 15, 128)
    assert (classic.optimizer, classic.schedule, classic.batch_norm) == ("adam", "constant", False)
