"""Small changes of pose and pen, a fresh one for each image and epoch.

The numbers are drawn here with NumPy from (seed, epoch, member), a whole epoch at once; the pixels
are changed in TensorFlow, a batch at a time, inside the training step.
"""

from typing import NamedTuple

import numpy as np

from training.ml.hyperparameters import Hyperparameters

GRID = 5  # control points of the elastic warp, a side


class Poses(NamedTuple):
    """What is to be done to each of N images; None for what is not asked for.

    matrices: (N, 8) float32, rows for ImageProjectiveTransformV3 (output to input pixels).
    warps: (N, 5, 5, 2) float32, moves (dy, dx) of the control points in pixels.
    thickness: (N,) float32, thinner below 0, thicker above, in pixels.
    """

    matrices: np.ndarray | None
    warps: np.ndarray | None
    thickness: np.ndarray | None


def draw_poses(hyperparameters: Hyperparameters, count: int, rng: np.random.Generator) -> Poses:
    """Poses for `count` images, uniform within the hyperparameters' limits."""
    hp = hyperparameters
    matrices = warps = thickness = None
    if hp.rotation or hp.scaling or hp.shear:
        matrices = affine_matrices(
            angle=np.radians(rng.uniform(-hp.rotation, hp.rotation, count)),
            scale=1 + rng.uniform(-hp.scaling, hp.scaling, count),
            aspect=1 + rng.uniform(-hp.scaling / 2, hp.scaling / 2, count),
            shear=rng.uniform(-hp.shear, hp.shear, count),
            shift=rng.uniform(-hp.shift, hp.shift, (2, count)),
        )
    if hp.elastic:
        shape = (count, GRID, GRID, 2)
        warps = rng.uniform(-hp.elastic, hp.elastic, shape).astype(np.float32)
    if hp.thickness:
        thickness = rng.uniform(-hp.thickness, hp.thickness, count).astype(np.float32)
    return Poses(matrices, warps, thickness)


def affine_matrices(*, angle, scale, aspect, shear, shift) -> np.ndarray:
    """(N, 8) float32: rotate by `angle` radians, slant by `shear`, scale, about the middle.

    Width is multiplied by scale * aspect, height by scale / aspect; the result moves by `shift`
    (2, N) pixels, x first.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    # The inverse map, since each output pixel asks where it comes from.
    a = (cos + shear * sin) / (scale * aspect)
    b = (sin - shear * cos) / (scale * aspect)
    d = -sin * aspect / scale
    e = cos * aspect / scale
    middle = 13.5
    x = middle + shift[0]
    y = middle + shift[1]
    zero = np.zeros_like(a)
    rows = [a, b, middle - a * x - b * y, d, e, middle - d * x - e * y, zero, zero]
    return np.stack(rows, axis=-1).astype(np.float32)


def whole_shift(hyperparameters: Hyperparameters) -> int:
    """Pixels of `shift_by_place`: for a shift alone. With other moves it is in the matrices."""
    hp = hyperparameters
    return 0 if hp.rotation or hp.scaling or hp.shear else round(hp.shift)


def shift_by_place(images, most: int):
    """TensorFlow: images (B, 28, 28) uint8 moved by whole pixels, up to `most` each way.

    Each of the (2 x most + 1)^2 moves is given to an equal share of the batch, by place; which
    image has which place is the epoch's random order. Ink stays as sharp as it is, and slicing
    costs a tenth of a transform.
    """
    import tensorflow as tf

    moves = [(y, x) for y in range(2 * most + 1) for x in range(2 * most + 1)]
    padded = tf.pad(images, ((0, 0), (most, most), (most, most)))
    ends = np.linspace(0, images.shape[0], len(moves) + 1).round().astype(int).tolist()
    return tf.concat(
        [
            padded[first:last, y : y + 28, x : x + 28]
            for (y, x), first, last in zip(moves, ends[:-1], ends[1:], strict=True)
        ],
        axis=0,
    )


def apply_poses(images, matrices, warps, thickness):
    """TensorFlow: images (B, 28, 28, 1) float32 in [0, 1] after the poses; None skips a part."""
    import tensorflow as tf

    if thickness is not None:
        images = _change_thickness(images, thickness)
    if warps is not None:
        images = _warp(images, warps)
    if matrices is not None:
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=matrices,
            output_shape=(28, 28),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
        )
    return images


def _change_thickness(images, thickness):
    """Part of the way to the 3x3 maximum (thicker) or minimum (thinner): 1 is a whole pixel."""
    import tensorflow as tf

    amount = tf.reshape(thickness, (-1, 1, 1, 1))
    # Four neighbours and the centre, as two small maxima: rounder than a square.
    wide = tf.nn.max_pool2d(images, (1, 3), 1, "SAME")
    tall = tf.nn.max_pool2d(images, (3, 1), 1, "SAME")
    thicker = tf.maximum(wide, tall)
    thinner = tf.minimum(
        -tf.nn.max_pool2d(-images, (1, 3), 1, "SAME"), -tf.nn.max_pool2d(-images, (3, 1), 1, "SAME")
    )
    return (
        images
        + tf.maximum(amount, 0.0) * (thicker - images)
        + tf.maximum(-amount, 0.0) * (thinner - images)
    )


def _warp(images, warps):
    """Each pixel is read from where the smooth field between control points sends it."""
    import tensorflow as tf

    field = tf.image.resize(warps, (28, 28), method="bilinear")
    return _sample(images, field)


def _sample(images, field):
    import tensorflow as tf

    rows, columns = tf.meshgrid(tf.range(28.0), tf.range(28.0), indexing="ij")
    y = tf.clip_by_value(rows + field[..., 0], 0.0, 26.999)
    x = tf.clip_by_value(columns + field[..., 1], 0.0, 26.999)
    top, left = tf.floor(y), tf.floor(x)
    down, right = (y - top)[..., None], (x - left)[..., None]
    corner = tf.cast(top * 28 + left, tf.int32)
    pixels = tf.reshape(images, (-1, 28 * 28, 1))

    def take(offset):
        return tf.gather(pixels, corner + offset, batch_dims=1)

    upper = take(0) * (1 - right) + take(1) * right
    lower = take(28) * (1 - right) + take(29) * right
    return upper * (1 - down) + lower * down
