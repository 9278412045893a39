"""What an analysis consists of, computed from an evaluation; nothing is written here."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from django.core.files.storage import default_storage

from training.ml.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from training.ml.error_map import error_map
from training.ml.label_quality import label_quality, suspicious
from training.ml.metrics import wilson_interval
from training.ml.neighbours import Reduced, nearest
from training.ml.slices import groups_of, slices
from training.models import Evaluation
from training.services.datasets import load_digits
from training.slice_providers import provided
from training.stored_model import StoredModel

NEIGHBOURS = 10
SUSPECTS = 200
CORRUPTED_IMAGES = 4_000
"""Images of a split that are damaged, spread over it: 24 times as many answers are needed."""

Report = Callable[[str, float], None]


def compute(evaluation: Evaluation, report: Report) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(fields of the row, arrays of the file). The same evaluation gives the same.

    report: is told what is being done and the share, 0..1, that is done. Raises DatasetUnreadable,
    and ValueError for a model file that was changed.
    """
    report("Reading the images", 0.0)
    digits = load_digits(evaluation.dataset)
    images = getattr(digits, f"{evaluation.split}_images")
    labels = getattr(digits, f"{evaluation.split}_labels")
    model = StoredModel(evaluation.run.artifacts["onnx"])
    probabilities = _stored_probabilities(evaluation)
    if probabilities is None or len(probabilities) != len(labels):
        probabilities = model.probabilities(images)
    predicted = probabilities.argmax(axis=1)
    right = predicted == labels

    report("Slicing", 0.03)
    groups = groups_of(images, labels, probabilities)
    groups |= provided(evaluation.dataset, evaluation.split)
    report("Judging the labels", 0.06)
    quality = label_quality(labels, probabilities)

    taught = load_digits(evaluation.run.dataset)
    reading = "Reading the training images as the network does"
    report(reading, 0.1)
    train_features = model.features(
        taught.train_images, lambda share: report(reading, 0.1 + 0.25 * share)
    )
    reduced = Reduced(train_features)
    features = reduced(model.features(images))
    searching = "Looking for the nearest training images"
    neighbours, distances = nearest(
        features,
        reduced.train,
        NEIGHBOURS,
        same=evaluation.split == "train" and evaluation.dataset_id == evaluation.run.dataset_id,
        report=lambda share: report(searching, 0.35 + 0.25 * share),
    )
    report("Drawing the map of errors", 0.6)
    drawn = error_map(features, ~right, probabilities.max(axis=1))
    corruptions, samples = _corruptions(model, images, labels, report)
    return {
        "slices": [asdict(one) for one in slices(right, groups)],
        "corruptions": corruptions,
        "suspects": [
            {
                "index": int(index),
                "label": int(labels[index]),
                "read": int(predicted[index]),
                "quality": round(float(quality[index]), 6),
            }
            for index in suspicious(quality, SUSPECTS)
        ],
    }, {
        "quality": quality.astype(np.float32),
        "neighbours": neighbours,
        "neighbour_labels": taught.train_labels[neighbours],
        "distances": distances,
        "map_indices": drawn.indices.astype(np.int32),
        "map_places": drawn.places.astype(np.float32),
        "samples": samples,
    }


def _corruptions(
    model: StoredModel, images: np.ndarray, labels: np.ndarray, report: Report
) -> tuple[dict[str, Any], np.ndarray]:
    """The table of robustness, and one image with every damage (8, 3, 28, 28) uint8."""
    if len(images) > CORRUPTED_IMAGES:
        chosen = np.linspace(0, len(images) - 1, CORRUPTED_IMAGES).astype(int)
        images, labels = images[chosen], labels[chosen]
    clean = float((model.probabilities(images).argmax(axis=1) == labels).mean())
    samples = np.zeros((len(CORRUPTIONS), len(STRENGTHS), 28, 28), np.uint8)
    rows = []
    for place, corruption in enumerate(CORRUPTIONS):
        cells = []
        for strength, amount in enumerate(corruption.amounts):
            done = (place * len(STRENGTHS) + strength) / samples[:, :, 0, 0].size
            report(f"Damaging images: {corruption.name.lower()}", 0.7 + 0.3 * done)
            damaged = corrupt(corruption, strength, images)
            samples[place, strength] = damaged[0]
            correct = int((model.probabilities(damaged).argmax(axis=1) == labels).sum())
            low, high = wilson_interval(correct, len(labels))
            accuracy = correct / len(labels)
            cells.append(
                {
                    "amount": amount,
                    "accuracy": accuracy,
                    "low": low,
                    "high": high,
                    "drop": clean - accuracy,
                }
            )
        rows.append(
            {
                "name": corruption.name,
                "meaning": corruption.meaning,
                "unit": corruption.unit,
                "cells": cells,
            }
        )
    return {"count": len(labels), "clean": clean, "rows": rows}, samples


def _stored_probabilities(evaluation: Evaluation) -> np.ndarray | None:
    try:
        with default_storage.open(evaluation.probabilities.name, "rb") as file:
            return np.load(file, allow_pickle=False)
    except (FileNotFoundError, ValueError):
        return None
