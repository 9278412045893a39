"""The sheet of confusions that benchmarks/domain_gap.py writes."""

import numpy as np

from benchmarks.material.picture_rows import confusions, draw_rows

LABELS = np.array([7, 7, 7, 7, 1, 1, 9, 3])
ANSWERS = np.array([2, 2, 2, 7, 7, 1, 9, 3])
IMAGES = np.arange(8, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)


def test_each_pair_of_digits_that_were_confused_is_a_row_the_commonest_first():
    rows = confusions(IMAGES, LABELS, ANSWERS, each=2)
    assert [(row.title, row.detail) for row in rows] == [
        ("7 read as 2", "3 of them, 75.0 % of all 7"),
        ("1 read as 7", "1 of them, 50.0 % of all 1"),
    ]
    assert [row.images[:, 0, 0].tolist() for row in rows] == [[0, 1], [4]]


def test_the_sheet_holds_every_picture_of_every_row():
    rows = confusions(IMAGES + 100, LABELS, ANSWERS)
    sheet = np.asarray(draw_rows(rows))
    for value in (100, 101, 102, 104):
        assert (sheet == value).all(axis=2).sum() >= 56 * 56
    assert not (sheet == 103).all(axis=2).any()  # read right


def test_without_an_error_there_is_an_empty_sheet():
    assert confusions(IMAGES, LABELS, LABELS) == []
    assert draw_rows([]).size[1] > 0
