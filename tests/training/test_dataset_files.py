"""What an export holds, read back by the programs that it is for."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.training.ml.synthetic import synthetic_digits
from training import dataset_files, zip_stream
from training.dataset_files import file_parts
from training.ml.digits import Digits, load_npz
from training.ml.uploads import LocalFile, read_upload


def whole(digits: Digits, format: str, split: str | None = None, about: str = "") -> io.BytesIO:
    return io.BytesIO(b"".join(file_parts(digits, format, split, about)))


@pytest.fixture(scope="module")
def digits() -> Digits:
    return synthetic_digits(3, train=120, test=40)


def test_numpy_reads_the_whole_set_and_it_is_the_same_set(digits):
    assert load_npz(whole(digits, "npz")).digest == digits.digest


def test_numpy_reads_one_split_as_images_and_labels(digits):
    with np.load(whole(digits, "npz", "test"), allow_pickle=False) as arrays:
        assert sorted(arrays) == ["images", "labels"]
        np.testing.assert_array_equal(arrays["images"], digits.test_images)
        np.testing.assert_array_equal(arrays["labels"], digits.test_labels)


@pytest.mark.parametrize(("split", "folder"), [(None, "train/"), ("train", "")])
def test_the_zip_has_a_folder_for_each_digit_with_the_very_pixels(digits, split, folder):
    with zipfile.ZipFile(whole(digits, "zip", split)) as archive:
        assert archive.testzip() is None
        names = [name for name in archive.namelist() if name.startswith(folder)]
        for index, label in enumerate(digits.train_labels):
            name = f"{folder}{label}/{index:05}.png"
            with Image.open(io.BytesIO(archive.read(name))) as image:
                np.testing.assert_array_equal(np.asarray(image), digits.train_images[index])
    assert len([name for name in names if not name.startswith("test/")]) == 120


def test_every_line_is_an_object_with_documented_fields(digits):
    rows = [json.loads(line) for line in whole(digits, "jsonl")]
    assert len(rows) == 160
    assert {frozenset(row) for row in rows} == {frozenset({"split", "index", "label", "image"})}
    test = [row for row in rows if row["split"] == "test"]
    assert [row["index"] for row in test] == list(range(40))
    np.testing.assert_array_equal([row["image"] for row in test], digits.test_images)
    np.testing.assert_array_equal([row["label"] for row in test], digits.test_labels)


@pytest.mark.parametrize("format", dataset_files.FORMATS)
def test_the_same_content_gives_the_same_bytes(digits, format):
    assert whole(digits, format).getvalue() == whole(digits, format).getvalue()


def test_members_have_one_date_and_names_that_every_system_can_write(digits):
    with zipfile.ZipFile(whole(digits, "zip")) as archive:
        for info in archive.infolist():
            assert info.date_time == zip_stream.LONG_AGO
            assert set(info.filename) <= set("0123456789trainstep/.png")
            assert info.create_system == 3


def test_the_licence_travels_as_the_comment_of_the_archive(digits):
    for format in ("npz", "zip"):
        with zipfile.ZipFile(whole(digits, format, about="Licence: CC BY 4.0")) as archive:
            assert archive.comment == b"Licence: CC BY 4.0"


def test_an_empty_split_is_an_empty_file_that_opens(digits):
    none = Digits(
        digits.train_images, digits.train_labels, digits.test_images[:0], digits.test_labels[:0]
    )
    with np.load(whole(none, "npz", "test"), allow_pickle=False) as arrays:
        assert arrays["images"].shape == (0, 28, 28)
    with zipfile.ZipFile(whole(none, "zip", "test")) as archive:
        assert archive.namelist() == []
    assert whole(none, "jsonl", "test").getvalue() == b""


def test_nothing_is_built_in_memory(digits):
    """The first bytes of a file are there long before the last image has been looked at."""
    parts = file_parts(digits, "zip")
    first = next(parts)
    assert first.startswith(b"PK")
    assert len(first) < 2000
    assert len(list(parts)) == 160


@pytest.mark.parametrize("format", ["npz", "zip"])
def test_the_upload_page_reads_an_export_as_the_same_set(digits, tmp_path, format):
    path = tmp_path / f"digits.{format}"
    path.write_bytes(whole(digits, format).getvalue())
    contents = read_upload([LocalFile(path.name, path)])
    assert contents.left_out == []
    assert contents.had_splits
    assert contents.digits.digest == digits.digest


@pytest.mark.parametrize("format", ["npz", "zip"])
def test_the_upload_page_reads_one_split_as_the_split_that_one_says(digits, tmp_path, format):
    path = tmp_path / f"digits.{format}"
    path.write_bytes(whole(digits, format, "train").getvalue())
    read = read_upload([LocalFile(path.name, path)], alone="test").digits
    np.testing.assert_array_equal(read.test_images, digits.train_images)
    np.testing.assert_array_equal(read.test_labels, digits.train_labels)
    assert not len(read.train_labels)
