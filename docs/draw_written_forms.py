"""Draws docs/images/written-forms.png: forms that MNIST hardly has, by training/ml/allographs.py.

    python -m docs.draw_written_forms

Every picture comes from curves made up for this project; none is anybody's handwriting.
"""

from pathlib import Path

from benchmarks.material.picture_rows import Row, draw_rows
from training.ml.allographs import FORMS, draw_forms

FILE = Path(__file__).with_name("images") / "written-forms.png"
HANDS = 8

SHOWN = {
    (9, "open top"): "taken for a 3",
    (9, "hooked stem"): "taken for a 3",
    (1, "long upstroke"): "taken for a 7",
    (1, "curved upstroke"): "taken for a 7",
    (7, "hooked and crossed"): "taken for a 2",
    (7, "crossed"): "taken for a 2",
    (4, "open and narrow"): "taken for a 6",
}
"""(digit, name of the form) -> what models make of it on people's pens; the commonest first."""


def main() -> None:
    forms = {(form.digit, form.name): form for form in FORMS}
    rows = []
    for number, ((digit, name), mistake) in enumerate(SHOWN.items()):
        images, _ = draw_forms(HANDS, seed=number, forms=(forms[digit, name],))
        rows.append(Row(f"{digit}, {name}", mistake, images))
    draw_rows(rows).save(FILE, optimize=True)


if __name__ == "__main__":
    main()
