"""From one member's pixels, or the bytes of its picture, to the 28x28 image of the contract."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from training.ml.ink import SIDE, DrawingError
from training.ml.picture_file import FORMATS, MAX_BYTES, read_grey
from training.ml.preprocess import picture_to_image

_LIGHT = 200
_LIGHT_SHARE = 0.9


def from_array(pixels: np.ndarray) -> tuple[np.ndarray, str]:
    """((28, 28) uint8, how) of `pixels` uint8 (H, W) or (H, W, C); see `members.Good.how`.

    An image of 28x28 stays as it is, to the byte; one that is dark on light paper is inverted. Any
    other goes through the preprocessing contract. Raises DrawingError.
    """
    if pixels.shape != (SIDE, SIDE):
        return picture_to_image(pixels), "redrawn"
    if pixels.min() == pixels.max():
        raise DrawingError("empty", f"The image is blank: every pixel is {pixels.flat[0]}.")
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    if (border >= _LIGHT).mean() >= _LIGHT_SHARE:
        return 255 - pixels, "inverted"
    return pixels, "same"


def from_picture(content: bytes, most_pixels: int) -> tuple[np.ndarray, str]:
    """The same of a PNG or JPEG file. Its size is looked at before it is decoded."""
    if len(content) > MAX_BYTES:
        raise DrawingError(
            "too_large",
            f"A picture has at most {MAX_BYTES // 2**20} MiB; this has {len(content) / 2**20:.1f}.",
        )
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        width = height = most_pixels + 1
    except Exception:  # Pillow raises many kinds on hostile headers
        raise DrawingError("unsupported", "This is neither a PNG nor a JPEG picture.") from None
    if width * height > most_pixels:
        raise DrawingError(
            "too_large", f"A picture has at most {most_pixels:,} pixels; this is larger."
        )
    if (width, height) == (SIDE, SIDE):
        return from_array(read_grey(content))
    return picture_to_image(content), "redrawn"
