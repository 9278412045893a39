"""Every choice a training run can make, with its range, unit and help in one place.

The launch form, the API, the command line and the trainer all read this model; nothing else
states a limit.
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Architecture = Literal["classic", "strided", "deep"]
Optimizer = Literal["adam", "adamw", "sgd_nesterov", "muon"]
Schedule = Literal["constant", "linear", "cosine"]
Precision = Literal["auto", "float32", "bfloat16"]

# Depths for which every convolution still has at least one pixel to look at.
DEPTHS: dict[str, tuple[int, int]] = {"classic": (1, 3), "strided": (2, 3), "deep": (4, 7)}


def _field(default: Any, group: str, title: str, help_text: str, unit: str = "", **limits: Any):
    return Field(
        default,
        title=title,
        description=help_text,
        json_schema_extra={"unit": unit, "group": group},
        **limits,
    )


class Hyperparameters(BaseModel):
    """One validated set of choices. Immutable; an unknown name or a value out of range is an error.

    `describe_errors` turns pydantic's `ValidationError` into one sentence per field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture = _field(
        "strided",
        "Network",
        "Architecture",
        "classic: convolution and pooling blocks, as in the Keras tutorial. strided: a first "
        "convolution with stride 2, quick on a CPU. deep: six small convolutions, the most exact.",
    )
    filters: int = _field(
        32,
        "Network",
        "Filters",
        "Filters of the first convolution; deeper ones have two, four or eight times as many.",
        "filters",
        ge=4,
        le=128,
    )
    depth: int = _field(
        2,
        "Network",
        "Depth",
        "Number of convolutions: classic 1 to 3, strided 2 to 3, deep 4 to 7.",
        "convolutions",
        ge=1,
        le=7,
    )
    dense_units: int = _field(
        128,
        "Network",
        "Dense units",
        "Width of the layer before the answer. 0 leaves it out.",
        "units",
        ge=0,
        le=1024,
    )
    batch_norm: bool = _field(
        True, "Network", "Batch normalisation", "Normalise after each convolution and dense layer."
    )
    dropout: float = _field(
        0.0,
        "Network",
        "Dropout",
        "Share of the features hidden at random before the answer.",
        "share",
        ge=0.0,
        le=0.9,
    )
    conv_dropout: float = _field(
        0.0,
        "Network",
        "Convolution dropout",
        "Share of the values hidden at random between the convolutions and the dense layers.",
        "share",
        ge=0.0,
        le=0.9,
    )
    members: int = _field(
        1,
        "Network",
        "Networks",
        "How many networks are trained side by side and vote. Time grows in proportion.",
        "networks",
        ge=1,
        le=8,
    )
    precision: Precision = _field(
        "auto",
        "Network",
        "Precision while training",
        "auto: bfloat16 where the processor computes with it, else float32, which is then faster. "
        "The exported model is float32 either way.",
    )

    epochs: int = _field(
        2,
        "Optimisation",
        "Epochs",
        "Times the whole training split is read.",
        "epochs",
        ge=1,
        le=200,
    )
    batch_size: int = _field(
        128, "Optimisation", "Batch size", "Images in one step.", "images", ge=8, le=1024
    )
    optimizer: Optimizer = _field(
        "adam", "Optimisation", "Optimizer", "The rule that turns gradients into steps."
    )
    learning_rate: float = _field(
        3e-3,
        "Optimisation",
        "Learning rate",
        "The largest step, reached at the end of the warm-up.",
        "",
        ge=1e-6,
        le=1.0,
    )
    weight_decay: float = _field(
        0.0,
        "Optimisation",
        "Weight decay",
        "Pull of the weights towards zero, times the learning rate. Not used by adam.",
        "",
        ge=0.0,
        le=1.0,
    )
    schedule: Schedule = _field(
        "linear",
        "Optimisation",
        "Schedule",
        "How the learning rate falls after the warm-up.",
    )
    warmup: float = _field(
        0.1,
        "Optimisation",
        "Warm-up",
        "Share of all steps during which the learning rate climbs from zero.",
        "share",
        ge=0.0,
        le=0.9,
    )
    final_learning_rate: float = _field(
        0.01,
        "Optimisation",
        "Final learning rate",
        "Where the schedule ends, as a share of the learning rate.",
        "share",
        ge=0.0,
        le=1.0,
    )
    label_smoothing: float = _field(
        0.0,
        "Optimisation",
        "Label smoothing",
        "Share of the certainty of each label spread over all ten digits.",
        "share",
        ge=0.0,
        le=0.5,
    )
    ema: float = _field(
        0.0,
        "Optimisation",
        "Averaging of weights",
        "Decay of the moving average of the weights, a step. 0 is off; 0.999 looks back about "
        "1,000 steps.",
        "",
        ge=0.0,
        le=0.9999,
    )
    early_stopping_patience: int = _field(
        0,
        "Optimisation",
        "Early stopping",
        "Stop after this many epochs without a lower validation loss, and keep the best epoch. "
        "0 is off.",
        "epochs",
        ge=0,
        le=50,
    )

    rotation: float = _field(
        0.0, "Augmentation", "Rotation", "Largest turn, either way.", "degrees", ge=0.0, le=45.0
    )
    scaling: float = _field(
        0.0,
        "Augmentation",
        "Scaling",
        "Largest change of size, either way; width and height also differ by up to half of it.",
        "share",
        ge=0.0,
        le=0.5,
    )
    shear: float = _field(
        0.0, "Augmentation", "Shear", "Largest slant, either way.", "share", ge=0.0, le=0.5
    )
    shift: float = _field(
        0.0, "Augmentation", "Shift", "Largest move, either way.", "pixels", ge=0.0, le=6.0
    )
    elastic: float = _field(
        0.0,
        "Augmentation",
        "Elastic warp",
        "Largest move of a grid of control points between which the image bends.",
        "pixels",
        ge=0.0,
        le=4.0,
    )
    thickness: float = _field(
        0.0,
        "Augmentation",
        "Stroke thickness",
        "How far strokes may be thinned or thickened.",
        "pixels",
        ge=0.0,
        le=1.5,
    )

    drawn_forms: float = _field(
        0.0,
        "Augmentation",
        "Drawn forms",
        "Digits drawn from templates that are added to the training split, as a share of it: forms "
        "that MNIST's writers hardly use, such as a one with a long upstroke or a crossed seven.",
        "share",
        ge=0.0,
        le=0.5,
    )

    validation_share: float = _field(
        0.1,
        "Data",
        "Validation share",
        "Share of the training split kept aside to measure each epoch. 0 trains on everything.",
        "share",
        ge=0.0,
        le=0.5,
    )
    seed: int = _field(
        0,
        "Data",
        "Seed",
        "The same seed, data and machine give the same weights, bit for bit.",
        "",
        ge=0,
        le=2**31 - 1,
    )

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        lowest, highest = DEPTHS[self.architecture]
        if not lowest <= self.depth <= highest:
            raise ValueError(
                f"Depth: the {self.architecture} architecture needs {lowest} to {highest} "
                f"convolutions, got {self.depth}"
            )
        if self.early_stopping_patience and not self.validation_share:
            raise ValueError(
                "Early stopping needs a validation share above 0, "
                f"got patience {self.early_stopping_patience} and share 0"
            )
        return self


def describe_errors(error: ValidationError) -> dict[str, str]:
    """Field name -> one sentence with the limit and the value given ("" for the whole set)."""
    messages: dict[str, str] = {}
    for item in error.errors():
        name = str(item["loc"][0]) if item["loc"] else ""
        given = item.get("input")
        limits = item.get("ctx", {})
        if item["type"] == "extra_forbidden":
            text = f"There is no hyperparameter called {name!r}."
        elif item["type"] == "value_error":
            text = f"{limits['error']}."
        elif "ge" in limits:
            text = f"Must be at least {limits['ge']:g}, got {given}."
        elif "le" in limits:
            text = f"Must be at most {limits['le']:g}, got {given}."
        else:
            text = f"{item['msg']}, got {given!r}."
        messages[name] = text
    return messages
