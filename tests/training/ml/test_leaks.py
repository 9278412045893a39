"""Known answers: what was made from an image is found, what was drawn anew is not."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from training.ml import leaks, preprocess


def scribbles(count: int, seed: int = 0) -> np.ndarray:
    """(count, 28, 28) uint8: random curves of three strokes, drawn as the site draws."""
    rng = np.random.default_rng(seed)
    along = np.linspace(0, 1, 12)[:, None]
    images = []
    for _ in range(count):
        strokes = []
        for _ in range(3):
            a, b, c = rng.uniform(0, 1, (3, 2))
            curve = (1 - along) ** 2 * a + 2 * along * (1 - along) * b + along**2 * c
            strokes.append([[float(x), float(y), 0.0] for x, y in curve])
        images.append(preprocess.strokes_to_image(strokes))
    return np.stack(images)


ORIGINALS = scribbles(120)


def altered(change) -> np.ndarray:
    return np.stack([np.clip(change(image), 0, 255).astype(np.uint8) for image in ORIGINALS])


def as_jpeg(image: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=80)
    return np.array(Image.open(buffer))


def scaled(factor: float):
    back = 1 / factor
    middle = 14 - 14 * back
    return lambda image: np.array(
        Image.fromarray(image).transform(
            (28, 28), Image.Transform.AFFINE, (back, 0, middle, 0, back, middle), 2
        )
    )


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda image: np.roll(image, 1, axis=1), 1.0),
        (lambda image: np.roll(image, (-1, 2), axis=(0, 1)), 0.9),
        (lambda image: image * 0.7, 1.0),
        (as_jpeg, 0.95),
        (scaled(0.95), 0.9),
        (scaled(1.04), 0.9),
        (lambda image: ndimage.shift(image.astype(float), (0.3, 0.0), order=1), 0.9),
    ],
    ids=["a pixel", "a knight's move", "dimmed", "JPEG", "smaller", "larger", "a third of a pixel"],
)
def test_an_image_handled_once_more_is_near_the_one_it_came_from(change, least):
    matches = leaks.find_matches(altered(change), ORIGINALS)
    right = (matches.left == matches.right).sum()
    assert right >= least * len(ORIGINALS)
    assert right == len(matches)
    assert (matches.similarity >= leaks.NEAR).all()


def test_drawings_of_their_own_match_nothing():
    assert len(leaks.find_matches(scribbles(300, seed=1), ORIGINALS)) == 0


def test_the_same_bytes_are_exact_and_name_the_first_that_has_them():
    right = np.concatenate([ORIGINALS, ORIGINALS])
    matches = leaks.find_matches(ORIGINALS[5:8], right)
    assert matches.left.tolist() == [0, 1, 2]
    assert matches.right.tolist() == [5, 6, 7]
    assert matches.exact.all()
    assert (matches.similarity == 1).all()


def test_an_image_is_told_once_however_many_partners_it_has():
    crowd = np.stack([np.roll(ORIGINALS[0], shift, axis=1) for shift in (1, 2, 3)] * 50)
    matches = leaks.find_matches(crowd, ORIGINALS[:1].repeat(40, axis=0))
    assert matches.left.tolist() == list(range(150))
    assert set(matches.right.tolist()) == {0}


def test_lines_must_agree_closer_than_other_ink():
    """Two plain 1s of two people lean a little differently; that is no leak."""
    upright, leaning = (
        preprocess.strokes_to_image([[[0.5, 0.1, 0.0], [0.5 + lean, 0.9, 0.0]]])
        for lean in (0.0, 0.03)
    )
    pair = upright[None], leaning[None]
    assert leaks.thinness(upright[None])[0] < leaks.LINE
    assert leaks.NEAR < leaks.similarity(*pair)[0] < leaks.NEAR_LINE
    assert len(leaks.find_matches(*pair)) == 0
    assert len(leaks.find_matches(np.roll(upright, 2, axis=1)[None], upright[None])) == 1


def test_blank_images_match_blank_ones_only():
    blank = np.zeros((1, 28, 28), np.uint8)
    assert len(leaks.find_matches(blank, ORIGINALS)) == 0
    assert leaks.find_matches(blank, np.concatenate([ORIGINALS, blank])).right.tolist() == [120]


@pytest.mark.parametrize("projected_from", [0, 10**9], ids=["projected", "all pixels"])
def test_the_search_finds_what_comparing_every_pair_finds(projected_from, monkeypatch):
    """Images between two others, at every distance around the bound."""
    monkeypatch.setattr(leaks, "_PROJECTED_FROM", projected_from)
    monkeypatch.setattr(leaks, "DIMENSIONS", 12)
    monkeypatch.setattr(leaks, "_LEFT_BLOCK", 50)
    monkeypatch.setattr(leaks, "_RIGHT_BLOCK", 30)
    rng = np.random.default_rng(4)
    shares = rng.uniform(0.5, 1.0, (120, 1, 1))
    left = np.rint(shares * ORIGINALS + (1 - shares) * ORIGINALS[::-1]).astype(np.uint8)
    every = np.stack(
        [leaks.similarity(left, np.broadcast_to(one, left.shape)) for one in ORIGINALS], axis=1
    )
    thin_left, thin_right = leaks.thinness(left), leaks.thinness(ORIGINALS)
    thin = np.minimum(thin_left[:, None], thin_right[None]) < leaks.LINE
    near = every >= np.where(thin, leaks.NEAR_LINE, leaks.NEAR)
    matches = leaks.find_matches(left, ORIGINALS)
    assert 10 < len(matches) < 110
    assert matches.left.tolist() == np.flatnonzero(near.any(axis=1)).tolist()
    assert near[matches.left, matches.right].all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_empty_side_has_no_matches(side):
    none = np.empty((0, 28, 28), np.uint8)
    pair = (none, ORIGINALS) if side == "left" else (ORIGINALS, none)
    assert len(leaks.find_matches(*pair)) == 0


def test_other_arrays_are_refused_with_what_was_expected():
    with pytest.raises(ValueError, match=r"right: expected \(N, 28, 28\) uint8, got \(2, 28, 28\)"):
        leaks.find_matches(ORIGINALS, np.zeros((2, 28, 28), np.float32))
