"""Pictures of a dataset: one image, the mean of a class, a sheet of samples, as PNG bytes."""

import base64
import io

import numpy as np
from PIL import Image

from training.ml.digits import CLASSES, Digits

SHEET_COLUMNS = 20
SHEET_ROWS = 2
SPLITS = ("train", "test")


class NoSuchImage(LookupError):
    """The split has no such image; the message says what there is."""


def images(digits: Digits, split: str) -> np.ndarray:
    """(N, 28, 28) uint8 of a split. Raises NoSuchImage for a split there is not."""
    if split not in SPLITS:
        raise NoSuchImage(f"There is no split {split!r}; there are train and test.")
    return getattr(digits, f"{split}_images")


def image_png(digits: Digits, split: str, index: int) -> bytes:
    """The image at a position of the split, 28 x 28, grey. Raises NoSuchImage."""
    of_split = images(digits, split)
    if not 0 <= index < len(of_split):
        raise NoSuchImage(f"{split} has images 0 to {len(of_split) - 1}, not {index}.")
    return png(of_split[index])


def sheet_png(digits: Digits, split: str, digit: int) -> bytes:
    """Samples of a class, 2 rows of 20, 560 x 56, grey.

    They are spread evenly over the split, so that every part of it shows, and are the same every
    time. A class with fewer images leaves the rest of the sheet black.
    """
    of_class = _of_class(digits, split, digit)
    room = SHEET_ROWS * SHEET_COLUMNS
    if len(of_class) > room:
        of_class = of_class[np.linspace(0, len(of_class) - 1, room).astype(int)]
    sheet = np.zeros((room, 28, 28), np.uint8)
    sheet[: len(of_class)] = of_class
    rows = sheet.reshape(SHEET_ROWS, SHEET_COLUMNS, 28, 28).swapaxes(1, 2)
    return png(rows.reshape(SHEET_ROWS * 28, SHEET_COLUMNS * 28))


def _of_class(digits: Digits, split: str, digit: int) -> np.ndarray:
    if not 0 <= digit < CLASSES:
        raise NoSuchImage(f"There is no digit {digit}.")
    of_split = images(digits, split)
    return of_split[getattr(digits, f"{split}_labels") == digit]


def data_uri(grey: np.ndarray) -> str:
    """(H, W) uint8 as the address of an image inside a page."""
    return f"data:image/png;base64,{base64.b64encode(png(grey)).decode()}"


def png(grey: np.ndarray) -> bytes:
    """(H, W) uint8 as an 8-bit grey PNG."""
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    return buffer.getvalue()
