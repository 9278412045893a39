"""From the bytes of a picture, or an array, to its luminance at a working size."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageChops, ImageOps

from training.ml.ink import DrawingError

MAX_BYTES = 8 * 1024 * 1024
MAX_PIXELS = 24_000_000
FORMATS = ("PNG", "JPEG")

WORKING_SIDE = 400
"""The longer side a picture is reduced to before anything is looked for in it."""


def read_grey(picture: bytes | np.ndarray) -> np.ndarray:
    """The luminance of `picture`: (H, W) uint8, at most WORKING_SIDE pixels a side.

    Raises DrawingError with code `empty`, `malformed`, `too_large` or `unsupported`.
    """
    if isinstance(picture, (bytes, bytearray, memoryview)):
        image = _decode(bytes(picture))
    else:
        image = _from_array(np.asarray(picture))
    return np.asarray(_reduced(_composite(image)))


def _reduced(image: Image.Image) -> Image.Image:
    if max(image.size) > WORKING_SIDE:
        image.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    return image


def _decode(data: bytes) -> Image.Image:
    if len(data) > MAX_BYTES:
        raise DrawingError(
            "too_large",
            f"A picture has at most {MAX_BYTES // 2**20} MiB; this has {len(data) / 2**20:.1f}.",
        )
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise Image.DecompressionBombError
        # A JPEG is decoded without its colours, and at 1/2, 1/4 or 1/8 where that is enough.
        longer = max(width, height)
        enough = (max(1, side * WORKING_SIDE // longer) for side in (width, height))
        image.draft("L", tuple(enough))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DrawingError(
            "too_large", f"A picture has at most {MAX_PIXELS // 1_000_000} million pixels."
        ) from None
    except Image.UnidentifiedImageError:
        raise DrawingError("unsupported", "This is neither a PNG nor a JPEG picture.") from None
    except Exception:  # Pillow's decoders raise many kinds on damaged files
        raise DrawingError("malformed", "This picture is damaged: it cannot be decoded.") from None
    return image


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or 0 in array.shape:
        raise DrawingError(
            "malformed",
            f"A picture is an array (H, W), (H, W, 3) or (H, W, 4); got {array.shape}.",
        )
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise DrawingError(
            "too_large", f"A picture has at most {MAX_PIXELS // 1_000_000} million pixels."
        )
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    if array.dtype.kind not in "fiu":
        raise DrawingError("malformed", f"A picture is made of numbers; got {array.dtype}.")
    if array.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(array))
    if not np.isfinite(array).all():
        raise DrawingError("malformed", "A pixel is not a finite number.")
    low, high = float(array.min()), float(array.max())
    top = 1.0 if array.dtype.kind == "f" and high <= 1.0 else 255.0
    if low < 0 or high > top:
        raise DrawingError(
            "malformed", f"Pixels run from 0 to {top:.0f}; got {low:.6g} to {high:.6g}."
        )
    return Image.fromarray(np.rint(array.astype(np.float32) * (255.0 / top)).astype(np.uint8))


def _composite(image: Image.Image) -> Image.Image:
    """Luminance, mode "L"; a transparent picture is put on paper its ink can be seen on."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float32)
        top = 65535.0 if values.max(initial=0.0) > 255 else 255.0
        return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("L")
    if image.mode not in ("LA", "RGBA"):
        image = image.convert("RGBA")
    alpha = image.getchannel("A")
    size = image.size
    box = (0, 0, *size)
    if max(size) <= WORKING_SIDE:  # all around what is opaque is paper
        box = alpha.getbbox() or box
        image, alpha = image.crop(box), alpha.crop(box)
    # What light the ink gives by itself: what is seen through it is added below.
    light = np.asarray(_reduced(ImageChops.multiply(image.convert("L"), alpha)), np.float32)
    opacity = np.asarray(_reduced(alpha), np.float32) / 255
    weight = float(opacity.sum())
    if weight == 0:
        raise DrawingError("empty", "This picture is wholly transparent.")
    whole = size[0] * size[1] if max(size) <= WORKING_SIDE else opacity.size
    if weight > 0.5 * whole:
        # Mostly opaque: the paper is in the picture, only its corners or edges are not.
        solid = opacity > 0.5
        paper = float(np.median(light[solid] / opacity[solid]))
    else:
        paper = 0.0 if float(light.sum()) / weight > 127.5 else 255.0
    seen = np.rint(light + paper * (1 - opacity)).clip(0, 255).astype(np.uint8)
    if seen.size == whole:
        return Image.fromarray(seen)
    sheet = Image.new("L", size, round(paper))
    sheet.paste(Image.fromarray(seen), box)
    return sheet
