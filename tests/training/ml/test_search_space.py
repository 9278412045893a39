import pytest

from training.ml.hyperparameters import Hyperparameters
from training.ml.search_space import Range, SpaceError, plan, read_space, read_text

BASE = Hyperparameters()


def sentences(given: dict, **changes) -> dict[str, str]:
    with pytest.raises(SpaceError) as caught:
        planned(given, **changes)
    return caught.value.sentences


def planned(given: dict, **changes):
    return plan(BASE, read_space(given, BASE), **{"method": "grid", "max_runs": 24} | changes)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("0.1, 0.2,0.4", ["0.1", "0.2", "0.4"]),
        ("5", ["5"]),
        ("0.001 to 0.1", {"low": "0.001", "high": "0.1", "log": False}),
        ("1 TO 9 log in 3", {"low": "1", "high": "9", "log": True, "steps": "3"}),
        ("1 to 9 in 3 log", {"low": "1", "high": "9", "log": True, "steps": "3"}),
        ("", []),
    ],
)
def test_people_write_lists_and_ranges(text, meaning):
    assert read_text(text) == meaning


def test_text_becomes_values_of_the_fields_own_type():
    space = read_space(
        {
            "filters": "8, 16",
            "batch_norm": "all",
            "optimizer": ["adam", "muon"],
            "learning_rate": "0.001 to 0.1 log in 3",
        },
        BASE,
    )
    assert space == {
        "filters": [8, 16],
        "batch_norm": [False, True],
        "optimizer": ["adam", "muon"],
        "learning_rate": Range(0.001, 0.1, log=True, steps=3),
    }


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"lerning_rate": [1]}, "There is no hyperparameter called 'lerning_rate'."),
        ({"filters": [2]}, "Must be at least 4, got 2."),
        ({"dropout": "0 to 2"}, "Must be at most 0.9, got 2."),
        ({"dropout": "0 to 0.5 log"}, "A logarithmic range begins above 0, not at 0."),
        ({"dropout": "0.5 to 0.1"}, "A range goes up: 0.5 is not below 0.1."),
        ({"dropout": "0 to"}, "“0 to” is no range"),
        ({"dropout": "0 to 0.5 in 1"}, "Steps must be from 2 to 50, got 1."),
        ({"dropout": {"low": 0}}, "A range has low and high"),
        ({"dropout": {"low": 0, "high": 0.5, "log": "yes"}}, "log is true or false, got 'yes'."),
        ({"dropout": 7}, "Expected a list of values or a range, got 7."),
        ({"dropout": []}, "Name at least one value."),
        ({"optimizer": "1 to 2"}, "Has no range; name some of adam, adamw"),
        ({"seed": list(range(60))}, "At most 50 values, got 60."),
        ({"validation_share": [0.1]}, "The same validation images must judge every run"),
    ],
)
def test_each_wrong_field_has_a_sentence(given, sentence):
    (name,) = given
    assert sentence in sentences(given)[name]


def test_a_sweep_over_nothing_is_refused():
    assert "at least one" in sentences({})[""]


def test_a_grid_has_every_combination_once():
    found = planned({"dropout": [0, 0.2], "filters": "8 to 32 log in 3"})
    assert found.choices == [
        {"dropout": dropout, "filters": filters} for dropout in (0, 0.2) for filters in (8, 16, 32)
    ]
    assert [run.dropout for run in found.runs] == [0, 0, 0, 0.2, 0.2, 0.2]
    assert found.epochs == 6 * BASE.epochs


def test_the_points_of_a_range_stay_inside_it():
    found = planned({"ema": "0.9996 to 0.9999 in 3"})
    assert [run.ema for run in found.runs] == [0.9996, 0.99975, 0.9999]


def test_impossible_combinations_are_left_out_and_told():
    found = planned({"architecture": ["strided", "deep"], "depth": [2, 3, 4]})
    assert [tuple(choice.values()) for choice in found.choices] == [
        ("strided", 2),
        ("strided", 3),
        ("deep", 4),
    ]
    assert sum(found.left_out.values()) == 3
    assert any("deep architecture needs 4 to 7" in sentence for sentence in found.left_out)


def test_a_grid_beyond_the_budget_is_refused_with_both_numbers():
    told = sentences({"seed": list(range(30))}, max_runs=24)["max_runs"]
    assert "30 combinations" in told
    assert "24 runs" in told


def test_a_grid_of_thousands_is_refused_before_it_is_made():
    given = dict.fromkeys(("dropout", "conv_dropout", "shear", "scaling"), "0 to 0.5 in 20")
    assert "160,000 combinations" in sentences(given)[""]


def test_nothing_possible_says_why():
    assert "strided architecture needs 2 to 3" in sentences({"depth": [5]})[""]


@pytest.mark.parametrize("runs", [0, 101])
def test_the_budget_has_limits(runs):
    assert sentences({"dropout": [0]}, max_runs=runs) == {
        "max_runs": f"Must be from 1 to 100, got {runs}."
    }


def test_random_draws_fill_the_budget_with_different_runs_from_the_seed():
    given = {"learning_rate": "0.0001 to 0.1 log", "filters": "8 to 64", "batch_norm": "all"}
    found = planned(given, method="random", max_runs=20, seed=3)
    assert len(set(found.runs)) == 20
    assert found == planned(given, method="random", max_runs=20, seed=3)
    assert found != planned(given, method="random", max_runs=20, seed=4)
    rates = [run.learning_rate for run in found.runs]
    assert 0.0001 <= min(rates) < 0.003 < max(rates) <= 0.1  # as many below as above, about


def test_random_draws_end_where_there_is_nothing_new():
    assert len(planned({"batch_norm": "all"}, method="random", max_runs=20).runs) == 2


def test_without_validation_images_there_is_no_judge():
    with pytest.raises(SpaceError, match="validation share above 0"):
        plan(
            BASE.model_copy(update={"validation_share": 0.0}),
            {"dropout": [0.0]},
            method="grid",
            max_runs=2,
        )
