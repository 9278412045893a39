import io

import numpy as np
import pytest
from PIL import Image

from inference.looks import TOUCHING, look_at_picture, look_at_strokes
from training.ml.preprocess import DrawingError, picture_to_image, strokes_to_image


def bar(x: float) -> list:
    return [[x, 0.2], [x, 0.8]]


def picture(*columns: int) -> bytes:
    paper = np.full((90, 40 + 60 * len(columns)), 255, np.uint8)
    for column in columns:
        paper[15:75, column : column + 9] = 0
    buffer = io.BytesIO()
    Image.fromarray(paper).save(buffer, "PNG")
    return buffer.getvalue()


def test_one_digit_is_seen_as_by_the_contract():
    four = [[[0.3, 0.2], [0.3, 0.5], [0.6, 0.5]], [[0.5, 0.3], [0.5, 0.8]]]
    look = look_at_strokes(four)
    assert (look.image == strokes_to_image(four)).all()
    assert (look.pieces, look.notice) == ([], "")
    assert look.images.shape == (1, 28, 28)


def test_a_picture_of_one_digit_is_seen_as_by_the_contract():
    look = look_at_picture(picture(40))
    assert (look.image == picture_to_image(picture(40))).all()
    assert look.pieces == []


def test_digits_side_by_side_are_seen_each_and_together():
    drawn = [bar(0.8), bar(0.2), bar(0.5)]
    look = look_at_strokes(drawn)
    assert len(look.pieces) == 3
    assert (look.images[0] == strokes_to_image(drawn)).all()
    assert (look.images[1] == strokes_to_image([bar(0.2)])).all()
    assert len(look_at_picture(picture(20, 90)).pieces) == 2


def test_each_digit_is_told_with_its_box():
    look = look_at_strokes([bar(0.2), bar(0.8)])
    probabilities = np.eye(10, dtype=np.float32)[[7, 1, 2]]
    told = look.told(probabilities)
    assert told["label"] == 7
    assert [digit["label"] for digit in told["digits"]] == [1, 2]
    assert told["digits"][1]["box"] == [0.8, 0.2, 0.8, 0.8]
    assert told["digits"][1]["image"] == look.pieces[1].image.tolist()


def test_two_digits_that_touch_are_read_as_one_with_a_word_about_it():
    look = look_at_strokes([[[0.1, 0.4], [0.9, 0.4], [0.9, 0.6]]])
    assert (look.pieces, look.notice) == ([], TOUCHING)


def test_more_digits_than_can_be_read_are_one_picture_with_a_word_about_it():
    many = [bar(0.05 + 0.08 * place) for place in range(11)]
    look = look_at_strokes(many)
    assert look.pieces == []
    assert "At most 10 digits" in look.notice
    assert (look.image == strokes_to_image(many)).all()


def test_what_cannot_be_drawn_is_an_error():
    with pytest.raises(DrawingError):
        look_at_strokes([])
    with pytest.raises(DrawingError):
        look_at_picture(b"GIF89a")
