"""Exporting drawings: what is in the files, and who may have them."""

import io
import json
import zipfile

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from PIL import Image

from digitsite.accounts.roles import Role
from inference import drawing_rows
from inference.drawing_export import drawing_parts
from inference.models import Drawing
from tests.factories import make_user
from tests.inference.rows import make_drawing, make_share_link, streamed

pytestmark = pytest.mark.django_db(transaction=True)

TWO_STROKES = [[[0.1, 0.2, 0], [0.3, 0.4, 9]], [[0.5, 0.6, 30]]]


@pytest.fixture
def ada():
    return make_user(Role.DRAWER, "ada")


@pytest.fixture
def drawings(ada):
    """Four: corrected, waiting with two strokes, a visitor's in dispute, an uploaded picture."""
    image = np.arange(784, dtype=np.uint8).tobytes()
    return [
        make_drawing(3, 5, author=ada, status="corrected", settled_label=8),
        make_drawing(4, 4, author=ada, strokes=TWO_STROKES, image=image),
        make_drawing(1, 7, share_link=make_share_link(), status="disputed", fold="holdout"),
        make_drawing(2, 2, strokes=[], origin="upload", device="upload"),
    ]


def lines(parts) -> list[dict]:
    return [json.loads(line) for line in b"".join(parts).splitlines()]


def test_json_lines_have_labels_authors_and_strokes(drawings):
    rows = lines(drawing_parts("jsonl"))
    assert [row["id"] for row in rows] == [drawing.pk for drawing in drawings]
    assert [row["label"] for row in rows] == [8, 4, 1, 2]
    assert [row["author_label"] for row in rows] == [3, 4, 1, 2]
    assert [row["settled_label"] for row in rows] == [8, None, None, None]
    assert [row["predicted_label"] for row in rows] == [5, 4, 7, 2]
    assert [row["author"] for row in rows[:3]] == [
        "ada",
        "ada",
        f"link:{drawings[2].share_link_id}",
    ]
    assert rows[1]["strokes"] == TWO_STROKES
    assert rows[3]["strokes"] == []
    assert [row["status"] for row in rows] == ["corrected", "pending", "disputed", "pending"]
    np.testing.assert_array_equal(np.array(rows[1]["image"], np.uint8).tobytes(), drawings[1].image)


def test_numpy_reads_every_field_and_puts_the_strokes_together_again(drawings, monkeypatch):
    monkeypatch.setattr(drawing_rows, "FETCHED", 3)  # several batches
    archive = io.BytesIO(b"".join(drawing_parts("npz")))
    with np.load(archive, allow_pickle=False) as arrays:
        found = dict(arrays)
    assert found["images"].shape == (4, 28, 28)
    assert found["labels"].tolist() == [8, 4, 1, 2]
    assert found["settled_labels"].tolist() == [8, -1, -1, -1]
    assert found["statuses"].tolist() == ["corrected", "pending", "disputed", "pending"]
    assert found["folds"].tolist() == ["pool", "pool", "holdout", "pool"]
    assert found["author_names"][found["authors"]].tolist()[:2] == ["ada", "ada"]
    assert found["created_at"][0] == np.datetime64(
        drawings[0].created_at.replace(tzinfo=None), "ms"
    )
    rows = lines(drawing_parts("jsonl"))
    for number, row in enumerate(rows):
        first, after = found["drawing_starts"][number : number + 2]
        strokes = [
            found["points"][found["stroke_starts"][s] : found["stroke_starts"][s + 1]].tolist()
            for s in range(first, after)
        ]
        assert strokes == row["strokes"]


def test_the_zip_has_a_folder_for_each_digit_and_the_strokes_beside(drawings):
    with zipfile.ZipFile(io.BytesIO(b"".join(drawing_parts("zip")))) as archive:
        assert archive.testzip() is None
        name = f"4/drawing-{drawings[1].pk:06}.png"
        assert name in archive.namelist()
        with Image.open(io.BytesIO(archive.read(name))) as image:
            assert image.tobytes() == bytes(drawings[1].image)
        assert archive.read("drawings.jsonl") == b"".join(drawing_parts("jsonl"))
        assert len(archive.namelist()) == 5


@pytest.mark.parametrize("format", ["npz", "zip", "jsonl"])
def test_no_drawings_make_a_file_that_opens(format):
    content = b"".join(drawing_parts(format))
    if format == "npz":
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            assert arrays["points"].shape == (0, 3)
            assert arrays["drawing_starts"].tolist() == [0]
    elif format == "zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.namelist() == ["drawings.jsonl"]
    else:
        assert content == b""


def test_drawings_are_fetched_some_at_a_time(drawings, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(drawing_rows, "FETCHED", 2)
    with django_assert_num_queries(4):  # the newest, two batches, and none after them
        assert len(lines(drawing_parts("jsonl"))) == 4


def exported(client, name: str, format: str = "jsonl"):
    response = client.get(reverse(name, args=[format]))
    if response.status_code != 200:
        return response.status_code
    return b"".join(streamed(response.streaming_content))


def test_a_person_takes_their_own_and_nobody_elses(client, ada, drawings):
    client.force_login(ada)
    rows = [json.loads(line) for line in exported(client, "drawings_export").splitlines()]
    assert [row["id"] for row in rows] == [drawings[0].pk, drawings[1].pk]
    assert exported(client, "all_drawings_export") == 403


def test_that_reviewers_differ_is_not_told_to_the_author(client, ada, drawings):
    Drawing.objects.filter(pk=drawings[1].pk).update(status="disputed")
    client.force_login(ada)
    rows = [json.loads(line) for line in exported(client, "drawings_export").splitlines()]
    assert rows[1]["status"] == "pending"
    assert rows[1]["settled_label"] is None


@pytest.mark.parametrize("required", [1, 2])
def test_everybodys_go_to_admins_never_to_reviewers(client, drawings, settings, required):
    settings.REVIEWS_REQUIRED = required
    client.force_login(make_user(Role.REVIEWER))
    assert exported(client, "all_drawings_export") == 403
    assert client.get("/api/v1/drawings/files/all/jsonl").status_code == 403
    assert exported(client, "drawings_export") == b""
    client.force_login(make_user(Role.ADMIN))
    assert len(exported(client, "all_drawings_export").splitlines()) == 4
    response = client.get("/api/v1/drawings/files/all/jsonl")
    assert len(b"".join(streamed(response.streaming_content)).splitlines()) == 4


def test_the_page_offers_what_one_may_have(client, ada, drawings):
    client.force_login(ada)
    page = client.get(reverse("my_drawings")).content.decode()
    assert reverse("drawings_export", args=["npz"]) in page
    assert reverse("all_drawings_export", args=["npz"]) not in page
    client.force_login(make_user(Role.ADMIN))
    page = client.get(reverse("my_drawings")).content.decode()
    assert reverse("all_drawings_export", args=["npz"]) in page
    assert reverse("drawings_export", args=["npz"]) not in page  # has drawn nothing


def test_an_unknown_format_is_404(client, ada):
    client.force_login(ada)
    assert client.get(reverse("drawings_export", args=["pickle"])).status_code == 404


def test_the_command_writes_all_or_one_persons(drawings, tmp_path, capsys):
    call_command("export_drawings", "--format", "jsonl", "--output", str(tmp_path))
    assert len((tmp_path / "drawings.jsonl").read_text().splitlines()) == 4
    target = tmp_path / "ada.jsonl"
    call_command("export_drawings", "--format", "jsonl", "--user", "ada", "--output", str(target))
    assert len(target.read_text().splitlines()) == 2
    assert str(target) in capsys.readouterr().out
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        call_command("export_drawings", "--user", "nobody")
