"""`manage.py predict`: one answer a line, in order, and bad input is named."""

import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from inference.services.promotion import promote
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_version
from training.ml.preprocess import picture_to_image

pytestmark = pytest.mark.django_db


@pytest.fixture
def production():
    version = make_version()
    promote(version, by=None, reason="first")
    return version


def predict(**options) -> tuple[list[dict], str, int]:
    """(answers, what was complained about, exit code)"""
    out, err, code = StringIO(), StringIO(), 0
    try:
        call_command("predict", json=True, stdout=out, stderr=err, **options)
    except CommandError as error:
        err.write(str(error))
        code = error.returncode
    return [json.loads(line) for line in out.getvalue().splitlines()], err.getvalue(), code


def stroke(x: float, y: float) -> dict:
    return {"strokes": [[[x, y], [x + 0.1, y]], [[0.1, 0.1], [0.9, 0.9]]]}


def test_strokes_are_read_in_order(tmp_path, production):
    lines = [stroke(0.1 * n, 0.9 - 0.1 * n) for n in range(9)]
    file = tmp_path / "strokes.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + "\n")
    answers, complaints, code = predict(strokes=file)
    assert (len(answers), complaints, code) == (9, "", 0)
    for answer in answers:
        assert set(answer) == {"label", "probabilities"}
        assert answer["label"] == int(np.argmax(answer["probabilities"]))
        assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-4)
    backwards = tmp_path / "backwards.jsonl"
    backwards.write_text("\n".join(map(json.dumps, lines[::-1])))
    assert predict(strokes=backwards)[0] == answers[::-1]


def test_a_bad_line_is_named_and_the_others_are_answered(tmp_path, production):
    file = tmp_path / "strokes.jsonl"
    good = json.dumps(stroke(0.1, 0.5))
    file.write_text(f'{good}\nnot json\n\n{{"strokes": []}}\n[1]\n{good}\n')
    answers, complaints, code = predict(strokes=file)
    assert code == 1
    assert ["label" in answer for answer in answers] == [True, False, False, False, True]
    assert [answer["error"].split(":")[0] for answer in answers[1:4]] == [
        "line 2",
        "line 4",
        "line 5",
    ]
    assert "line 2: this is not JSON." in complaints
    assert "3 digits could not be read." in complaints


def test_images_are_read_white_on_black_and_black_on_white(tmp_path, production):
    paper = np.zeros((1, 60, 40), np.uint8)
    paper[0, 10:50, 17:23] = 255
    np.savez(tmp_path / "images.npz", images=np.concatenate([paper, 255 - paper]))
    answers, _, code = predict(images=tmp_path / "images.npz")
    assert code == 0
    assert np.allclose(answers[0]["probabilities"], answers[1]["probabilities"], atol=1e-3)
    assert picture_to_image(paper[0]).max() > 200


def test_an_empty_image_is_named_by_its_index(tmp_path, production):
    np.savez(tmp_path / "images.npz", images=np.zeros((1, 28, 28), np.uint8))
    answers, complaints, code = predict(images=tmp_path / "images.npz")
    assert (len(answers), code) == (1, 1)
    assert complaints.startswith("image 0: ")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"pictures": np.zeros((1, 28, 28), np.uint8)}, "no array named `images`"),
        ({"images": np.zeros((28, 28), np.uint8)}, r"it is \(28, 28\) uint8"),
        ({"images": np.zeros((1, 28, 28))}, "float64"),
        ({"images": np.array([{}], object)}, "plain arrays"),
    ],
)
def test_another_array_is_refused(tmp_path, production, arrays, sentence):
    np.savez(tmp_path / "images.npz", **arrays)
    with pytest.raises(CommandError, match=sentence):
        call_command("predict", images=tmp_path / "images.npz")


def test_a_file_that_is_missing_or_of_another_kind_is_named(tmp_path, production):
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(CommandError, match=r"nothing\.jsonl cannot be read: No such file"):
        call_command("predict", strokes=tmp_path / "nothing.jsonl")
    with pytest.raises(CommandError, match=r"not an \.npz file"):
        call_command("predict", images=tmp_path / "text.npz")


def test_without_a_model_it_says_so(tmp_path):
    file = tmp_path / "strokes.jsonl"
    file.write_text(json.dumps(stroke(0.1, 0.5)))
    with pytest.raises(CommandError, match="No model is in production yet"):
        call_command("predict", strokes=file)


def test_a_version_can_be_named(tmp_path):
    owner, dataset = make_user(), make_dataset()
    version = make_version(owner=owner, dataset=dataset)
    file = tmp_path / "strokes.jsonl"
    file.write_text(json.dumps(stroke(0.1, 0.5)))
    assert len(predict(strokes=file, model=version.number)[0]) == 1
    with pytest.raises(CommandError, match="There is no model v99"):
        call_command("predict", strokes=file, model=99)
