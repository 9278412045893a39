"""The forms people write the ten digits in, drawn from templates.

MNIST's writers were Americans: they hardly ever cross a seven or start a one with a long
upstroke. These are the forms of the digits that school copybooks teach elsewhere, as curves with
a writer's freedom added, drawn through the contract. A small share of them, mixed into training,
lets a model meet such forms at all. Every curve was made up here: none is anybody's handwriting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.ml.ink import PEN
from training.ml.strokes import draw_paths

Point = tuple[float, float]
Curve = tuple[Point, ...]
"""Points a smooth line goes through; the curves of one stroke meet in corners."""


@dataclass(frozen=True)
class Form:
    """One way to write a digit; x and y from 0 to 1, y down, before a writer's freedom."""

    digit: int
    name: str
    strokes: tuple[tuple[Curve, ...], ...]


FORMS: tuple[Form, ...] = (
    Form(0, "closed oval", (
        (((.5, 0), (.2, .18), (.1, .5), (.2, .85), (.48, 1), (.76, .85), (.88, .5), (.78, .17),
          (.5, 0)),),)),
    Form(0, "crossing at the top", (
        (((.62, .1), (.35, .03), (.14, .3), (.15, .72), (.42, 1), (.74, .85), (.85, .45),
          (.7, .1), (.45, .05)),),)),
    Form(1, "a bar", ((((.5, 0), (.49, .5), (.48, 1)),),)),
    Form(1, "short upstroke", ((((.36, .2), (.5, 0)), ((.5, 0), (.5, .5), (.5, 1))),)),
    Form(1, "long upstroke", (
        (((.16, .42), (.34, .24), (.54, 0)), ((.54, 0), (.53, .5), (.5, 1))),)),
    Form(1, "curved upstroke", (
        (((.14, .34), (.3, .28), (.46, .14), (.54, 0)), ((.54, 0), (.53, .5), (.5, 1))),)),
    Form(1, "upstroke and foot", (
        (((.26, .24), (.5, 0)), ((.5, 0), (.5, 1))), (((.22, 1), (.8, 1)),))),
    Form(2, "plain", (
        (((.15, .22), (.32, .03), (.65, .03), (.78, .25), (.6, .55), (.12, 1)),
         ((.12, 1), (.5, .97), (.9, 1))),)),
    Form(2, "looped foot", (
        (((.15, .2), (.4, 0), (.75, .12), (.68, .5), (.3, .9), (.12, .93), (.2, .78), (.45, .9),
          (.9, .97)),),)),
    Form(3, "round", (
        (((.15, .12), (.45, 0), (.75, .15), (.65, .38), (.4, .46)),
         ((.4, .46), (.72, .52), (.85, .75), (.6, .98), (.3, 1), (.08, .87))),)),
    Form(3, "flat top", (
        (((.12, .03), (.82, .03)), ((.82, .03), (.4, .42)),
         ((.4, .42), (.74, .48), (.84, .75), (.58, .99), (.1, .9))),)),
    Form(4, "open", (
        (((.32, 0), (.22, .3), (.08, .62)), ((.08, .62), (.5, .6), (.92, .58))),
        (((.66, .25), (.62, .6), (.58, 1)),))),
    Form(4, "open and narrow", (
        (((.36, 0), (.26, .35), (.16, .68)), ((.16, .68), (.45, .67), (.76, .62))),
        (((.58, .36), (.54, .7), (.52, 1)),))),
    Form(4, "closed", (
        (((.62, 0), (.06, .66)), ((.06, .66), (.92, .66))), (((.62, 0), (.62, 1)),))),
    Form(4, "in one stroke", (
        (((.3, .02), (.12, .38), (.3, .5), (.62, .4)), ((.72, .03), (.66, .45), (.58, 1))),)),
    Form(5, "bar last", (
        (((.28, .03), (.2, .42)), ((.2, .42), (.5, .35), (.82, .52), (.78, .85), (.45, 1),
          (.1, .9))), (((.28, .03), (.82, .02)),))),
    Form(5, "in one stroke", (
        (((.84, .02), (.32, .03)), ((.32, .03), (.22, .42)),
         ((.22, .42), (.55, .36), (.82, .58), (.7, .92), (.35, 1), (.1, .9))),)),
    Form(6, "plain", (
        (((.68, .0), (.35, .22), (.14, .62), (.3, .96), (.62, .97), (.8, .76), (.62, .55),
          (.36, .58), (.16, .76)),),)),
    Form(6, "straight stem", (
        (((.6, 0), (.3, .4), (.18, .72), (.36, .99), (.66, .94), (.74, .72), (.52, .6),
          (.22, .72)),),)),
    Form(7, "plain", ((((.1, .05), (.5, .03), (.86, .03)), ((.86, .03), (.6, .45), (.4, 1))),)),
    Form(7, "crossed", (
        (((.12, .06), (.5, .03), (.84, .02)), ((.84, .02), (.58, .45), (.42, 1))),
        (((.26, .52), (.8, .5)),))),
    Form(7, "hooked and crossed", (
        (((.12, .2), (.16, .05)), ((.16, .05), (.5, .08), (.84, .02)),
         ((.84, .02), (.6, .45), (.46, 1))), (((.3, .54), (.78, .5)),))),
    Form(7, "waved and crossed", (
        (((.1, .16), (.28, .02), (.56, .1), (.84, .03)), ((.84, .03), (.6, .4), (.42, 1))),
        (((.24, .5), (.76, .52)),))),
    Form(8, "in one stroke", (
        (((.78, .14), (.5, 0), (.22, .16), (.4, .42), (.7, .62), (.76, .86), (.48, 1), (.2, .86),
          (.3, .62), (.6, .42), (.8, .16)),),)),
    Form(8, "narrow", (
        (((.62, .08), (.42, .02), (.3, .18), (.46, .42), (.64, .68), (.6, .94), (.42, .98),
          (.34, .74), (.5, .44), (.66, .16), (.58, .04)),),)),
    Form(8, "two rings", (
        (((.5, .45), (.26, .3), (.32, .05), (.66, .04), (.74, .28), (.5, .45)),
         ((.5, .45), (.2, .65), (.25, .95), (.7, .97), (.8, .68), (.5, .45))),)),
    Form(9, "straight stem", (
        (((.76, .2), (.5, .02), (.2, .18), (.28, .44), (.6, .42), (.76, .18)),
         ((.76, .18), (.74, .6), (.7, 1))),)),
    Form(9, "slanted stem", (
        (((.72, .12), (.4, .04), (.2, .28), (.4, .46), (.68, .3), (.76, .1)),
         ((.76, .1), (.6, .55), (.36, 1))),)),
    Form(9, "hooked stem", (
        (((.76, .16), (.48, .02), (.22, .2), (.32, .44), (.62, .4), (.76, .16)),
         ((.76, .16), (.78, .6), (.66, .95), (.4, 1), (.14, .9))),)),
    Form(9, "open top", (
        (((.62, .04), (.36, .08), (.22, .28), (.4, .44), (.66, .34), (.76, .14)),
         ((.76, .14), (.75, .6), (.6, .96), (.34, 1), (.12, .9))),)),
)  # fmt: skip


def draw_form(form: Form, rng: np.random.Generator) -> list[list[list[float]]]:
    """Strokes of `form` in a new writer's hand: slant, width, and every point a little off."""
    return [stroke[0].tolist() for stroke in draw_hands(form, 1, rng)]


def draw_hands(form: Form, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """`form` by `count` new writers: for each of its strokes (count, points, 2)."""
    slant = rng.normal(0.1, 0.18, count)
    turn = rng.normal(0, 0.08, count)
    width = np.exp(rng.normal(-0.25, 0.22, count))
    cos, sin = np.cos(turn), np.sin(turn)
    # Columns: where x goes, where y goes. Slant leans the top to the right, y being down.
    turned = np.array([[cos, -sin], [sin, cos]])
    leaning = np.array([[width, -slant], [np.zeros(count), np.ones(count)]])
    hand = np.einsum("ijn,jkn->nik", turned, leaning)
    strokes = []
    for stroke in form.strokes:
        path: list[np.ndarray] = []
        joint = None
        for curve in stroke:
            knots = np.array(curve, float) + rng.normal(0, 0.035, (count, len(curve), 2))
            if joint is not None and np.allclose(curve[0], joint[0]):
                knots[:, 0] = joint[1]
            joint = (curve[-1], knots[:, -1])
            path.append(_smooth(knots))
        strokes.append(np.concatenate(path, axis=1) @ hand.transpose(0, 2, 1))
    return strokes


def draw_forms(
    count: int, seed: int, forms: tuple[Form, ...] = FORMS
) -> tuple[np.ndarray, np.ndarray]:
    """`count` pictures of `forms`, each as often: (count, 28, 28) uint8 and labels (count,) uint8.

    The pen is as wide as MNIST's are: lognormal about PEN. The same seed gives the same bytes.
    """
    rng = np.random.default_rng(seed)
    pens = np.clip(PEN * np.exp(rng.normal(0, 0.25, count)), 1.4, 4.5)
    images = np.empty((count, 28, 28), np.uint8)
    labels = np.empty(count, np.uint8)
    for number, form in enumerate(forms):
        places = np.arange(number, count, len(forms))
        if len(places):
            hands = draw_hands(form, len(places), rng)
            drawings = [list(paths) for paths in zip(*hands, strict=True)]
            images[places] = draw_paths(drawings, pens[places])
            labels[places] = form.digit
    order = rng.permutation(count)
    return images[order], labels[order]


def _smooth(knots: np.ndarray, pieces: int = 8) -> np.ndarray:
    """Catmull-Rom curves through `knots` (count, N, 2), with `pieces` points between two of them.

    A curve whose ends nearly meet is closed.
    """
    if knots.shape[1] < 3:
        return knots
    closed = np.isclose(knots[:, 0], knots[:, -1], atol=0.02).all(axis=1)[:, None]
    before = np.where(closed, knots[:, -2], 2 * knots[:, 0] - knots[:, 1])
    after = np.where(closed, knots[:, 1], 2 * knots[:, -1] - knots[:, -2])
    p = np.concatenate([before[:, None], knots, after[:, None]], axis=1)
    a, b, c, d = (p[:, i : i + knots.shape[1] - 1, None] for i in range(4))
    t = (np.arange(pieces) / pieces)[:, None]
    square, cube = 2 * a - 5 * b + 4 * c - d, 3 * b - a - 3 * c + d
    curve = 0.5 * (2 * b + (c - a) * t + square * t**2 + cube * t**3)
    return np.concatenate([curve.reshape(len(knots), -1, 2), knots[:, -1:]], axis=1)
