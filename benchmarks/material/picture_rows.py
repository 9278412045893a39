"""Rows of 28x28 pictures with a sentence beside each, as one image to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE, ZOOM, GAP, MARGIN = 28, 2, 6, 20
TEXT_WIDTH, TITLE, DETAIL = 250, 17, 13
PAPER, INK, FAINT = (250, 250, 248), (24, 26, 32), (104, 108, 120)


@dataclass(frozen=True)
class Row:
    title: str
    detail: str
    images: np.ndarray
    """(N, 28, 28) uint8."""


def confusions(
    images: np.ndarray, labels: np.ndarray, answers: np.ndarray, each: int = 12
) -> list[Row]:
    """One row for each (true, read) pair that occurs, the commonest first, `each` pictures long.

    images: (N, 28, 28) uint8; labels, answers: (N,) digits.
    """
    wrong = np.flatnonzero(labels != answers)
    pairs, counts = np.unique(10 * labels[wrong] + answers[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rows = []
    for pair, count in zip(pairs[order].tolist(), counts[order].tolist(), strict=True):
        true, read = divmod(pair, 10)
        found = wrong[(labels[wrong] == true) & (answers[wrong] == read)]
        share = 100 * count / np.count_nonzero(labels == true)
        detail = f"{count} of them, {share:.1f} % of all {true}"
        rows.append(Row(f"{true} read as {read}", detail, images[found[:each]]))
    return rows


def draw_rows(rows: Sequence[Row]) -> Image.Image:
    """The rows below each other, as many pictures wide as the longest."""
    tile = SIDE * ZOOM
    most = max((len(row.images) for row in rows), default=0)
    width = 2 * MARGIN + TEXT_WIDTH + most * (tile + GAP)
    sheet = Image.new("RGB", (width, 2 * MARGIN + len(rows) * (tile + GAP)), PAPER)
    pen = ImageDraw.Draw(sheet)
    title, detail = (ImageFont.load_default(size) for size in (TITLE, DETAIL))
    for number, row in enumerate(rows):
        top = MARGIN + number * (tile + GAP)
        pen.text((MARGIN, top + tile / 2 - 1), row.title, INK, title, anchor="ls")
        pen.text((MARGIN, top + tile / 2 + 5), row.detail, FAINT, detail, anchor="lt")
        for place, image in enumerate(row.images):
            left = MARGIN + TEXT_WIDTH + place * (tile + GAP)
            large = Image.fromarray(image).resize((tile, tile), Image.Resampling.NEAREST)
            sheet.paste(large.convert("RGB"), (left, top))
    return sheet
