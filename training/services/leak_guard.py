"""Keeps what a model is judged on out of what it learns from.

Whoever makes a dataset screens it first: training images that are in a test split too, its own or
that of any dataset there is, exactly or nearly (training.ml.leaks says what that means), are left
out of training.
"""

import base64
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from training.dataset_pictures import png
from training.ml import leaks
from training.ml.digits import Digits
from training.models import Dataset
from training.services.datasets import DatasetUnreadable, load_digits

logger = logging.getLogger(__name__)

EXAMPLES = 24
OWN_TEST = "its own test split"


@dataclass(frozen=True)
class Screened:
    """What is left of a set, and why.

    kept_train_indices: (K,) int64, ascending positions in the training split that was given.
    report: goes into `add_dataset(report={"leaks": ...})`; see `screen`.
    """

    digits: Digits
    kept_train_indices: np.ndarray
    report: dict


@dataclass(frozen=True)
class _Judge:
    """Images somebody is judged on. dataset: the row that has them as test split, if one does."""

    name: str
    dataset: int | None
    images: np.ndarray


def screen(
    digits: Digits,
    *,
    against: Iterable[Dataset] | None = None,
    also: Mapping[str, np.ndarray] | None = None,
) -> Screened:
    """Leave out of training what is in a test split.

    Looked at are the set's own test split, those of `against` (every dataset, if None), and the
    images (N, 28, 28) uint8 of `also`, by a name for people: a frozen holdout that is in no dataset
    yet, say. A training image in several is reported with the first.

    The report is JSON:
        checked   [{"name", "dataset" or null, "images", "exact", "near"}] what was looked at, and
                  how many training images were left out for being in it
        unreadable [names] of datasets whose files could not be read, and so were not
        exact, near   how many training images were left out for either reason
        relabelled    how many of them had another label here than in the set's own test split
        examples  at most EXAMPLES, the exact ones first:
                  [{"train": position before leaving out, "label", "kind": "exact" or "near",
                    "similarity", "against": position in `checked`, "index": position in that
                    split, "image" and "other": the two as PNG, in base64}]
    """
    datasets = Dataset.objects.filter(test_count__gt=0) if against is None else against
    judges, unreadable = _judges(digits, datasets, also or {})
    images = np.concatenate([judge.images for judge in judges])
    matches = leaks.find_matches(digits.train_images, images)
    kept = np.setdiff1d(np.arange(len(digits.train_labels)), matches.left)
    screened = digits
    if len(matches):
        screened = Digits(
            digits.train_images[kept],
            digits.train_labels[kept],
            digits.test_images,
            digits.test_labels,
        )
    own = matches.right < len(digits.test_labels)
    relabelled = (
        digits.train_labels[matches.left[own]] != digits.test_labels[matches.right[own]]
    ).sum()
    report = {
        "checked": _checked(judges, matches),
        "unreadable": unreadable,
        "exact": int(matches.exact.sum()),
        "near": int((~matches.exact).sum()),
        "relabelled": int(relabelled),
        "examples": _examples(digits, matches, judges),
    }
    logger.info("event=leaks-screened exact=%s near=%s", report["exact"], report["near"])
    return Screened(screened, kept, report)


def _judges(
    digits: Digits, datasets: Iterable[Dataset], also: Mapping[str, np.ndarray]
) -> tuple[list[_Judge], list[str]]:
    """Each set of test images once, the set's own first; and the datasets that do not open."""
    judges = [_Judge(OWN_TEST, None, digits.test_images)]
    judges += [_Judge(name, None, images) for name, images in also.items()]
    seen = {digits.test_images.tobytes()}
    unreadable = []
    for dataset in datasets:
        try:
            images = load_digits(dataset).test_images
        except ConnectionError:
            raise
        except DatasetUnreadable:
            unreadable.append(str(dataset))
            continue
        if images.tobytes() not in seen:
            seen.add(images.tobytes())
            judges.append(_Judge(f"{dataset}, test split", dataset.pk, images))
    return judges, unreadable


def _checked(judges: list[_Judge], matches: leaks.Matches) -> list[dict]:
    of_judge = np.searchsorted(_starts(judges), matches.right, "right") - 1
    return [
        {
            "name": judge.name,
            "dataset": judge.dataset,
            "images": len(judge.images),
            "exact": int((matches.exact & (of_judge == place)).sum()),
            "near": int((~matches.exact & (of_judge == place)).sum()),
        }
        for place, judge in enumerate(judges)
    ]


def _starts(judges: list[_Judge]) -> np.ndarray:
    """Where each judge's images begin among all of them, and where the last ones end."""
    return np.cumsum([0] + [len(judge.images) for judge in judges])


def _examples(digits: Digits, matches: leaks.Matches, judges: list[_Judge]) -> list[dict]:
    starts = _starts(judges)
    shown = np.argsort(~matches.exact, kind="stable")[:EXAMPLES]
    examples = []
    for position in shown:
        train, right = int(matches.left[position]), int(matches.right[position])
        against = int(np.searchsorted(starts, right, "right")) - 1
        index = right - int(starts[against])
        examples.append(
            {
                "train": train,
                "label": int(digits.train_labels[train]),
                "kind": "exact" if matches.exact[position] else "near",
                "similarity": round(float(matches.similarity[position]), 5),
                "against": against,
                "index": index,
                "image": _base64(digits.train_images[train]),
                "other": _base64(judges[against].images[index]),
            }
        )
    return examples


def _base64(image: np.ndarray) -> str:
    return base64.b64encode(png(image)).decode()
