"""What a sweep tries: lists or ranges of hyperparameters, as a grid or drawn at random.

The limits, names and kinds of the fields are those of `Hyperparameters`; nothing is stated twice.
"""

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from training.ml.hyperparameters import Hyperparameters, describe_errors

MOST_RUNS = 100
MOST_VALUES = 50  # of one field
USUAL_STEPS = 4
_MOST_COMBINATIONS = 5000  # looked at, possible or not
_DRAWS_PER_RUN = 50
_SIGNIFICANT_DIGITS = (3, 6)  # as few as stay inside the range
# Runs that keep other images aside are judged on other images: their order would mean nothing.
NOT_SWEPT = {"validation_share"}


class Method(StrEnum):
    GRID = "grid"
    RANDOM = "random"


class SpaceError(ValueError):
    """What is wrong with a search space: one sentence a field, "" for the whole."""

    def __init__(self, sentences: dict[str, str]):
        super().__init__("; ".join(sentences.values()))
        self.sentences = sentences


@dataclass(frozen=True)
class Range:
    """From low to high, both included. A grid takes `steps` values of it; log: equal ratios."""

    low: float
    high: float
    log: bool = False
    steps: int = USUAL_STEPS

    def at(self, share: float, *, whole: bool) -> float:
        """The value at a share (0..1) of the way: a whole number, or one of few digits."""
        if self.log:
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        if whole:
            return round(value)
        rounded = (float(f"{value:.{digits}g}") for digits in _SIGNIFICANT_DIGITS)
        return next((short for short in rounded if self.low <= short <= self.high), value)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}{' log' if self.log else ''} in {self.steps}"

    def as_json(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "log": self.log, "steps": self.steps}


Dimension = list[Any] | Range


@dataclass(frozen=True)
class Plan:
    """What a sweep would train.

    choices: of each run, the values of the swept fields, in the order of `runs`.
    left_out: sentence -> how many combinations it makes impossible.
    """

    runs: list[Hyperparameters]
    choices: list[dict[str, Any]]
    left_out: dict[str, int]

    @property
    def epochs(self) -> int:
        return sum(run.epochs for run in self.runs)


def sweepable() -> list[str]:
    return [name for name in Hyperparameters.model_fields if name not in NOT_SWEPT]


def read_text(text: str) -> list[str] | dict[str, Any]:
    """A field's values as people write them, for `read_space`.

    `0.1, 0.2, 0.4` is a list; `0.001 to 0.1`, with `log` and `in 5` (steps of a grid) after it if
    wanted, is a range; `all` stands for every choice of a field that has choices. Raises ValueError
    with a sentence.
    """
    words = text.lower().split()
    if "to" not in words:
        return [part.strip() for part in text.split(",") if part.strip()]
    found: dict[str, Any] = {"log": "log" in words}
    rest = [word for word in words if word != "log"]
    if rest[-2:-1] == ["in"]:
        found["steps"] = rest.pop()
        rest.pop()
    if len(rest) != 3 or rest[1] != "to":
        raise ValueError(f"“{text}” is no range: write LOW to HIGH, then log or in 5 if you like.")
    return found | {"low": rest[0], "high": rest[2]}


def read_space(given: Mapping[str, Any], base: Hyperparameters) -> dict[str, Dimension]:
    """Checked dimensions from lists and {"low", "high", "log", "steps"}, whose values may be text.

    Raises SpaceError, with a sentence for each field that is wrong.
    """
    space: dict[str, Dimension] = {}
    wrong: dict[str, str] = {}
    for name, values in given.items():
        try:
            space[name] = _dimension(name, values, base)
        except ValueError as error:
            wrong[name] = str(error)
    if not given:
        wrong[""] = "Choose at least one hyperparameter to sweep over."
    if wrong:
        raise SpaceError(wrong)
    return space


def plan(
    base: Hyperparameters,
    space: Mapping[str, Dimension],
    *,
    method: str,
    max_runs: int,
    seed: int = 0,
) -> Plan:
    """The runs of a sweep: all of a grid, or as many different random draws as the budget has.

    The same arguments give the same plan. Raises SpaceError.
    """
    if method not in set(Method):
        raise SpaceError({"method": f"A method is grid or random, got {method!r}."})
    if not 1 <= max_runs <= MOST_RUNS:
        raise SpaceError({"max_runs": f"Must be from 1 to {MOST_RUNS}, got {max_runs}."})
    if not base.validation_share:
        raise SpaceError(
            {"": "A sweep is judged by validation accuracy: it needs a validation share above 0."}
        )
    drawn = _grid(space) if method == Method.GRID else _draws(space, seed, max_runs)
    found: dict[Hyperparameters, dict[str, Any]] = {}
    left_out: Counter[str] = Counter()
    for choice in drawn:
        try:
            hyperparameters = Hyperparameters(**base.model_dump() | choice)
        except ValidationError as error:
            left_out.update(describe_errors(error).values())
            continue
        found.setdefault(hyperparameters, choice)
        if method == Method.RANDOM and len(found) == max_runs:
            break
    if not found:
        raise SpaceError({"": f"No combination is possible. {' '.join(left_out)}"})
    if len(found) > max_runs:
        raise SpaceError(
            {
                "max_runs": f"The grid has {len(found)} combinations, the budget is {max_runs} "
                "runs: allow more runs, take values away, or draw at random."
            }
        )
    return Plan(list(found), list(found.values()), dict(left_out))


def _dimension(name: str, values: Any, base: Hyperparameters) -> Dimension:
    if name not in Hyperparameters.model_fields:
        raise ValueError(f"There is no hyperparameter called {name!r}.")
    if name in NOT_SWEPT:
        raise ValueError("The same validation images must judge every run: this one stays fixed.")
    if isinstance(values, str):
        values = read_text(values)
    if isinstance(values, Mapping):
        return _range(name, values, base)
    if not isinstance(values, Iterable):
        raise ValueError(f"Expected a list of values or a range, got {values!r}.")
    values = list(values)
    if values == ["all"]:
        values = choices_of(name) or values
    if not values:
        raise ValueError("Name at least one value.")
    if len(values) > MOST_VALUES:
        raise ValueError(f"At most {MOST_VALUES} values, got {len(values)}.")
    return list(dict.fromkeys(_checked(name, value, base) for value in values))


def choices_of(name: str) -> list[Any]:
    """Every value of a field with choices or a switch; empty for numbers."""
    annotation = Hyperparameters.model_fields[name].annotation
    if annotation is bool:
        return [False, True]
    return list(get_args(annotation)) if get_origin(annotation) is Literal else []


def _range(name: str, given: Mapping[str, Any], base: Hyperparameters) -> Range:
    if choices := choices_of(name):
        raise ValueError(f"Has no range; name some of {', '.join(map(str, choices))}.")
    unknown = set(given) - {"low", "high", "log", "steps"}
    if unknown or not {"low", "high"} <= set(given):
        raise ValueError("A range has low and high, and may have log and steps.")
    low, high = (_checked(name, given[end], base) for end in ("low", "high"))
    log = given.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f"log is true or false, got {log!r}.")
    try:
        steps = int(given.get("steps", USUAL_STEPS))
    except (TypeError, ValueError):
        steps = 0
    if not 2 <= steps <= MOST_VALUES:
        raise ValueError(f"Steps must be from 2 to {MOST_VALUES}, got {given.get('steps')}.")
    if low >= high:
        raise ValueError(f"A range goes up: {low:g} is not below {high:g}.")
    if log and low <= 0:
        raise ValueError(f"A logarithmic range begins above 0, not at {low:g}.")
    return Range(low, high, log, steps)


def _checked(name: str, value: Any, base: Hyperparameters) -> Any:
    """The value as the field's type. Raises ValueError with a sentence."""
    try:
        return getattr(Hyperparameters(**base.model_dump() | {name: value}), name)
    except ValidationError as error:
        sentences = describe_errors(error)
        if name in sentences:
            raise ValueError(sentences[name]) from None
    # In range, but at odds with other fields of `base`, which may be swept as well.
    return TypeAdapter(Hyperparameters.model_fields[name].annotation).validate_python(value)


def _grid(space: Mapping[str, Dimension]) -> Iterator[dict[str, Any]]:
    axes = {
        name: _steps(name, values) if isinstance(values, Range) else values
        for name, values in space.items()
    }
    size = math.prod(map(len, axes.values()))
    if size > _MOST_COMBINATIONS:
        raise SpaceError(
            {"": f"The grid has {size:,} combinations: take values away, or draw at random."}
        )
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _draws(space: Mapping[str, Dimension], seed: int, runs: int) -> Iterator[dict[str, Any]]:
    order = random.Random(seed)
    for _ in range(runs * _DRAWS_PER_RUN):
        yield {
            name: values.at(order.random(), whole=_is_whole(name))
            if isinstance(values, Range)
            else order.choice(values)
            for name, values in space.items()
        }


def _steps(name: str, values: Range) -> list[float]:
    """Of whole numbers there may be fewer than asked for: none comes twice."""
    shares = (step / (values.steps - 1) for step in range(values.steps))
    return list(dict.fromkeys(values.at(share, whole=_is_whole(name)) for share in shares))


def _is_whole(name: str) -> bool:
    return Hyperparameters.model_fields[name].annotation is int
