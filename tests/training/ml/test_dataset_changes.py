"""What changed between two versions: known changes are found, and nothing else."""

import numpy as np
import pytest

from tests.training.ml.synthetic import synthetic_digits
from training.ml.dataset_changes import KINDS, SPLITS, compare, picture_keys
from training.ml.digits import Digits


@pytest.fixture(scope="module")
def older() -> Digits:
    return synthetic_digits(1, train=200, test=60)


def told(older: Digits, newer: Digits) -> dict[tuple[str, str], int]:
    """Totals of what is not zero, but for what stayed the same."""
    counts = compare(older, newer).counts
    return {key: int(row.sum()) for key, row in counts.items() if row.any() and key[1] != "same"}


def changed(digits: Digits, **arrays) -> Digits:
    names = [f"{split}_{part}" for split in SPLITS for part in ("images", "labels")]
    return Digits(*(arrays.get(name, getattr(digits, name)) for name in names))


def test_a_set_is_the_same_as_itself_in_any_order(older):
    order = np.random.default_rng(0).permutation(200)
    shuffled = changed(
        older, train_images=older.train_images[order], train_labels=older.train_labels[order]
    )
    assert told(older, shuffled) == {}
    assert compare(older, shuffled).counts["train", "same"].sum() == 200


def test_added_and_removed_images_are_counted_by_digit(older):
    new = synthetic_digits(2, train=30, test=1)
    newer = changed(
        older,
        train_images=np.concatenate([older.train_images[20:], new.train_images]),
        train_labels=np.concatenate([older.train_labels[20:], new.train_labels]),
    )
    counts = compare(older, newer).counts
    assert counts["train", "added"].tolist() == np.bincount(new.train_labels, minlength=10).tolist()
    lost = np.bincount(older.train_labels[:20], minlength=10)
    assert counts["train", "removed"].tolist() == lost.tolist()
    assert told(older, newer) == {("train", "added"): 30, ("train", "removed"): 20}


def test_a_relabelled_image_tells_its_digit_before(older):
    labels = older.test_labels.copy()
    labels[7] = (labels[7] + 3) % 10
    found = compare(older, changed(older, test_labels=labels))
    assert told(older, changed(older, test_labels=labels)) == {("test", "relabelled"): 1}
    (example,) = found.examples
    assert (example.kind, example.split, example.index) == ("relabelled", "test", 7)
    assert (example.was, example.label) == (older.test_labels[7], labels[7])


def test_an_image_that_changes_sides_is_moved_not_added_and_removed(older):
    newer = changed(
        older,
        train_images=older.train_images[5:],
        train_labels=older.train_labels[5:],
        test_images=np.concatenate([older.test_images, older.train_images[:5]]),
        test_labels=np.concatenate([older.test_labels, older.train_labels[:5]]),
    )
    assert told(older, newer) == {("test", "moved"): 5}
    assert {example.index for example in compare(older, newer).examples} == set(range(60, 65))


def test_more_copies_are_added_again(older):
    newer = changed(
        older,
        train_images=np.concatenate([older.train_images, older.train_images[:4]]),
        train_labels=np.concatenate([older.train_labels, older.train_labels[:4]]),
    )
    assert told(older, newer) == {("train", "added"): 4, ("train", "again"): 4}
    assert told(newer, older) == {("train", "removed"): 4}


def test_a_picture_taken_out_of_one_split_and_kept_in_the_other_is_removed(older):
    leaking = changed(
        older,
        train_images=np.concatenate([older.train_images, older.test_images[:1]]),
        train_labels=np.concatenate([older.train_labels, older.test_labels[:1]]),
    )
    assert told(leaking, older) == {("train", "removed"): 1}


def test_examples_are_where_they_say_and_spread_over_the_digits(older):
    new = synthetic_digits(3, train=150, test=50)
    found = compare(older, new, examples=20)
    for example in found.examples:
        of = older if example.kind == "removed" else new
        assert getattr(of, f"{example.split}_labels")[example.index] == example.label
    for kind in ("added", "removed"):
        of_kind = [example for example in found.examples if example.kind == kind]
        assert len(of_kind) == 20
        assert {example.label for example in of_kind} == set(range(10))


def test_every_image_of_the_newer_version_is_counted_once(older):
    rng = np.random.default_rng(5)
    pool = np.concatenate([older.train_images[:9], older.test_images[:9]])
    for _ in range(20):
        picks = [rng.integers(0, 18, rng.integers(0, 40)) for _ in range(4)]
        labels = [rng.integers(0, 10, len(pick)).astype(np.uint8) for pick in picks]
        one = Digits(pool[picks[0]], labels[0], pool[picks[1]], labels[1])
        other = Digits(pool[picks[2]], labels[2], pool[picks[3]], labels[3])
        counts = compare(one, other).counts
        for split in SPLITS:
            now = sum(counts[split, kind] for kind in ("added", "relabelled", "moved", "same"))
            expected = np.bincount(getattr(other, f"{split}_labels"), minlength=10)
            assert now.tolist() == expected.tolist()
            assert min(counts[split, kind].min() for kind in (*KINDS, "again", "same")) >= 0


def test_empty_sets_compare():
    none = synthetic_digits(0, train=0, test=0)
    assert told(none, none) == {}
    assert told(none, synthetic_digits(0, train=3, test=0)) == {("train", "added"): 3}


def test_keys_tell_pictures_apart(older):
    keys = picture_keys(older.train_images)
    assert len(np.unique(keys)) == 200
    assert picture_keys(older.train_images[3:4])[0] == keys[3]
