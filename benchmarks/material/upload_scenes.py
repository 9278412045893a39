"""Pictures as people upload them, made from digits whose labels are known.

A glyph is how much of each pixel is ink, at high resolution; a scene puts it on paper, a board or
a screen, lights it, photographs it, and returns the bytes of a file. Tests read them back.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Scene = Callable[[np.ndarray, np.random.Generator], bytes]


def glyph_of_strokes(strokes: list[list[list[float]]], pen: float, side: int = 256) -> np.ndarray:
    """Ink (side, side) float32 in [0, 1]: the drawing over 3/4 of a square, by any round pen.

    `pen` is its width as a share of the drawing's longer side: 0.02 is thin, 0.2 is a marker.
    """
    fine = 2 * side
    everything = np.concatenate([np.array(stroke)[:, :2] for stroke in strokes])
    middle = (everything.min(axis=0) + everything.max(axis=0)) / 2
    scale = 0.75 * fine / float(np.ptp(everything, axis=0).max())
    width = max(2.0, pen * 0.75 * fine)
    sheet = Image.new("L", (fine, fine))
    draw = ImageDraw.Draw(sheet)
    for stroke in strokes:
        path = [tuple(point) for point in (np.array(stroke)[:, :2] - middle) * scale + fine / 2]
        draw.line(path, fill=255, width=round(width), joint="curve")
        for x, y in path:
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return np.asarray(sheet.resize((side, side), Image.Resampling.BOX), np.float32) / 255


def glyph_of_image(image: np.ndarray, side: int = 256) -> np.ndarray:
    """Ink (side, side) float32 in [0, 1] of an MNIST image (28, 28) uint8, its edges made sharp."""
    large = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    return np.clip((np.asarray(large, np.float32) - 100) / 55, 0, 1)


def _placed(ink: np.ndarray, rng: np.random.Generator, least: float = 0.35) -> np.ndarray:
    """The glyph somewhere on a landscape or upright sheet of 300 to 900 pixels, turned a little."""
    height, width = (int(side) for side in rng.integers(300, 900, 2))
    size = int(min(height, width) * rng.uniform(least, 0.9))
    glyph = Image.fromarray(np.rint(ink * 255).astype(np.uint8))
    glyph = glyph.rotate(rng.uniform(-7, 7), Image.Resampling.BICUBIC)
    glyph = glyph.resize((size, size), Image.Resampling.BICUBIC)
    sheet = Image.new("L", (width, height))
    sheet.paste(glyph, (int(rng.integers(0, width - size)), int(rng.integers(0, height - size))))
    return np.asarray(sheet, np.float32) / 255


def _light(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Uneven light, 0.45 to 1: a lamp to one side, dark corners, the soft shadow of a hand."""
    height, width = shape
    y, x = np.mgrid[-1 : 1 : complex(height), -1 : 1 : complex(width)]
    turn = rng.uniform(0, 2 * np.pi)
    light = 1 - rng.uniform(0.05, 0.2) * (1 + np.cos(turn) * x + np.sin(turn) * y) / 2
    light -= rng.uniform(0.0, 0.12) * (x**2 + y**2) / 2
    turn, place = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.0)
    across = np.cos(turn) * x + np.sin(turn) * y - place
    return light * (1 - rng.uniform(0.0, 0.25) / (1 + np.exp(-across / rng.uniform(0.05, 0.3))))


def _jpeg(grey: np.ndarray, rng: np.random.Generator, low: int, high: int) -> bytes:
    tint = np.array([1.0, rng.uniform(0.95, 1.0), rng.uniform(0.85, 1.0)])
    colour = np.clip(grey[:, :, None] * tint * 255, 0, 255)
    file = io.BytesIO()
    Image.fromarray(colour.astype(np.uint8)).save(
        file, "JPEG", quality=int(rng.integers(low, high))
    )
    return file.getvalue()


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _photo(ink: np.ndarray, rng: np.random.Generator, paper: float, mark: float) -> np.ndarray:
    """A photograph of a mark on paper, both as reflectance: light, lens, sensor."""
    placed = _placed(ink, rng)
    scene = (paper + (mark - paper) * placed) * _light(placed.shape, rng)
    soft = Image.fromarray((np.clip(scene, 0, 1) * 255).astype(np.uint8))
    soft = soft.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    return np.asarray(soft, np.float32) / 255 + rng.normal(
        0, rng.uniform(0.005, 0.025), placed.shape
    )


def pen_on_paper(ink: np.ndarray, rng: np.random.Generator) -> bytes:
    """A photo of ink on paper in uneven light."""
    return _jpeg(_photo(ink, rng, rng.uniform(0.75, 0.95), rng.uniform(0.08, 0.35)), rng, 60, 92)


def pencil_on_paper(ink: np.ndarray, rng: np.random.Generator) -> bytes:
    """A photo of a soft pencil: grey, grainy strokes."""
    grain = np.clip(ink * rng.normal(0.85, 0.2, ink.shape), 0, 1)
    return _jpeg(_photo(grain, rng, rng.uniform(0.8, 0.95), rng.uniform(0.35, 0.5)), rng, 60, 92)


def chalk_on_board(ink: np.ndarray, rng: np.random.Generator) -> bytes:
    """A photo of a blackboard: light on dark, grainy."""
    grain = np.clip(ink * rng.normal(0.9, 0.15, ink.shape), 0, 1)
    return _jpeg(_photo(grain, rng, rng.uniform(0.12, 0.28), rng.uniform(0.7, 0.95)), rng, 60, 92)


def hard_jpeg(ink: np.ndarray, rng: np.random.Generator) -> bytes:
    """A small picture, sent through a messenger: the blocks of JPEG at quality 12 to 30."""
    return _jpeg(1 - 0.9 * _placed(ink, rng), rng, 12, 30)


def dark_on_light(ink: np.ndarray, rng: np.random.Generator) -> bytes:
    """A clean scan."""
    return _png(Image.fromarray(np.rint(255 - 255 * _placed(ink, rng)).astype(np.uint8)))


def light_on_dark(ink: np.ndarray, rng: np.random.Generator) -> bytes:
    """A drawing in a program with a dark background, in colour."""
    placed = _placed(ink, rng)[:, :, None]
    back, pen = rng.uniform(0, 50, 3), rng.uniform(170, 255, 3)
    return _png(Image.fromarray(np.rint(back + (pen - back) * placed).astype(np.uint8)))


def transparent(ink: np.ndarray, rng: np.random.Generator) -> bytes:
    """A canvas as a browser exports it: dark or light ink on nothing."""
    alpha = Image.fromarray(np.rint(255 * _placed(ink, rng)).astype(np.uint8))
    colour = (20, 20, 40) if rng.random() < 0.5 else (245, 245, 255)
    image = Image.new("RGBA", alpha.size, (*colour, 0))
    image.putalpha(alpha)
    ink_only = Image.new("RGBA", alpha.size, (0, 0, 0, 0))
    ink_only.paste(Image.new("RGBA", alpha.size, (*colour, 255)), mask=alpha)
    return _png(image if rng.random() < 0.5 else ink_only)


def screenshot(ink: np.ndarray, rng: np.random.Generator) -> bytes:
    """A drawing program's window: the canvas inside a frame, and a bar of the program's above."""
    placed = _placed(ink, rng, least=0.5)
    height, width = placed.shape
    dark = rng.random() < 0.4
    back, pen = (30, 235) if dark else (255, 25)
    canvas = Image.fromarray(np.rint(back + (pen - back) * placed).astype(np.uint8))
    margin = int(rng.integers(6, 24))
    bar = int(rng.integers(20, 50))
    window = Image.new("L", (width + 2 * margin, height + 2 * margin + bar), 45 if dark else 238)
    draw = ImageDraw.Draw(window)
    window.paste(canvas, (margin, margin + bar))
    box = (margin - 1, margin + bar - 1, margin + width, margin + bar + height)
    draw.rectangle(box, outline=90 if dark else 190)
    for button in range(int(rng.integers(2, 5))):
        left = margin + button * (bar + 4)
        draw.rectangle((left, margin // 2, left + bar - 8, margin // 2 + bar - 10), outline=128)
    return _png(window)


SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (
        pen_on_paper,
        pencil_on_paper,
        chalk_on_board,
        hard_jpeg,
        dark_on_light,
        light_on_dark,
        transparent,
        screenshot,
    )
}
