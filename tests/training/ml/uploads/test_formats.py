"""The same digits come out of every format, and what is wrong is named by file, place and need."""

import io
import zipfile

import numpy as np
import pytest

from tests.training.ml.synthetic import synthetic_digits
from tests.training.ml.uploads import material
from training.ml.digits import Digits
from training.ml.preprocess import picture_to_image
from training.ml.uploads import Limits, Refused, read_upload

DIGITS = synthetic_digits(3, train=40, test=12)
TRAIN = (DIGITS.train_images, DIGITS.train_labels)
TEST = (DIGITS.test_images, DIGITS.test_labels)
ALONE = Digits(*TRAIN, DIGITS.test_images[:0], DIGITS.test_labels[:0])


@pytest.fixture
def read(tmp_path):
    def read(files: dict[str, bytes], *, limits: Limits | None = None, **options):
        return read_upload(material.local(tmp_path, files), limits, **options)

    return read


@pytest.fixture
def refusal(read):
    """The sentence with which files are refused."""

    def refusal(files: dict[str, bytes], limits: Limits | None = None) -> str:
        with pytest.raises(Refused) as refused:
            read(files, limits=limits)
        return str(refused.value)

    return refusal


def one_hot(labels):
    return np.eye(10)[labels]


BOTH = {
    "npz, our own names": {
        "a.npz": material.npz_bytes(
            train_images=TRAIN[0],
            train_labels=TRAIN[1],
            test_images=TEST[0],
            test_labels=TEST[1],
        )
    },
    "npz, Keras's names": {
        "mnist.npz": material.npz_bytes(
            x_train=TRAIN[0], y_train=TRAIN[1].astype(np.int64), x_test=TEST[0], y_test=TEST[1]
        )
    },
    "IDX": material.idx_files("train", *TRAIN, packed=False)
    | material.idx_files("t10k", *TEST, packed=False),
    "IDX, gzipped": material.idx_files("train", *TRAIN, packed=True)
    | material.idx_files("t10k", *TEST, packed=True),
    "zip": {
        "digits.zip": material.zip_bytes(
            material.folders(*TRAIN, above="mine/train/")
            | material.folders(*TEST, above="mine/test/")
        )
    },
    "CSV": {"train.csv": material.csv_bytes(*TRAIN), "test.csv": material.csv_bytes(*TEST)},
}


@pytest.mark.parametrize("form", BOTH)
def test_two_splits_come_out_as_they_went_in(read, form):
    contents = read(BOTH[form])
    assert contents.digits.digest == DIGITS.digest
    assert contents.had_splits
    assert contents.left_out == []
    assert contents.how == {"same": 52, "inverted": 0, "redrawn": 0}


ONE = {
    "npz": {"a.npz": material.npz_bytes(images=TRAIN[0], labels=TRAIN[1])},
    "npz, flat and in floats to 1": {
        "a.npz": material.npz_bytes(
            x=(TRAIN[0].reshape(-1, 784) / 255).astype(np.float32), y=TRAIN[1]
        )
    },
    "npz, floats to 255, a channel, one-hot": {
        "a.npz": material.npz_bytes(
            images=TRAIN[0][..., None].astype(np.float64), labels=one_hot(TRAIN[1])
        )
    },
    "npz in Fortran's order": {
        "a.npz": material.npz_bytes(images=np.asfortranarray(TRAIN[0]), labels=TRAIN[1])
    },
    "IDX": material.idx_files("mine", *TRAIN, packed=True),
    "zip": {"digits.zip": material.zip_bytes(material.folders(*TRAIN))},
    "CSV": {"a.csv": material.csv_bytes(*TRAIN)},
    "CSV without a header": {"a.csv": material.csv_bytes(*TRAIN, header=False)},
    "CSV of Windows": {
        "a.csv": b"\xef\xbb\xbf" + material.csv_bytes(*TRAIN).replace(b"\n", b"\r\n")
    },
}


@pytest.mark.parametrize("form", ONE)
def test_all_is_one_split_where_the_file_names_none(read, form):
    contents = read(ONE[form])
    assert contents.digits.digest == ALONE.digest
    assert not contents.had_splits
    assert contents.left_out == []


def test_who_uploads_says_what_the_one_split_is_for(read):
    contents = read(ONE["npz"], alone="test")
    assert (len(contents.digits.train_labels), len(contents.digits.test_labels)) == (0, 40)


def test_other_sizes_go_through_the_contract_and_28x28_stays(read):
    large = np.kron(TRAIN[0][0], np.ones((4, 4), np.uint8))
    files = {"0/large.png": material.picture(large), "1/small.png": material.picture(TRAIN[0][1])}
    contents = read({"a.zip": material.zip_bytes(files)})
    assert contents.how == {"same": 1, "inverted": 0, "redrawn": 1}
    assert (contents.digits.train_images[0] == picture_to_image(large)).all()
    assert (contents.digits.train_images[1] == TRAIN[0][1]).all()


def test_dark_digits_on_light_paper_are_inverted(read):
    paper = 255 - np.where(TRAIN[0][:3] > 100, TRAIN[0][:3], 0)
    contents = read({"a.npz": material.npz_bytes(images=paper, labels=TRAIN[1][:3])})
    assert contents.how["inverted"] == 3
    assert (contents.digits.train_images == 255 - paper).all()


# --- bad members -------------------------------------------------------------------------------


def left(contents):
    return [(one.file, one.place, one.reason) for one in contents.left_out]


def test_bad_lines_of_a_csv_are_listed_and_the_others_kept(read):
    lines = material.csv_bytes(*TRAIN).splitlines()
    lines[3] = lines[3].rpartition(b",")[0]
    lines[4] = b"12" + lines[4][1:]
    lines[5] = lines[5].rpartition(b",")[0] + b",300"
    lines[6] = lines[6].rpartition(b",")[0] + b",1_0"
    lines[7] = b"5" + b",0" * 784
    lines[8] = b"7," * 40_000
    contents = read({"a.csv": b"\n".join(lines)})
    assert len(contents.digits.train_labels) == 34
    assert left(contents) == [
        ("a.csv", "line 4", "expected 785 values with commas, got 784"),
        ("a.csv", "line 5", "expected a label 0 to 9, got 12"),
        ("a.csv", "line 6", "expected pixels 0 to 255, got 300 in pixel 783"),
        ("a.csv", "line 7", "expected a whole number in pixel 783, got 1_0"),
        ("a.csv", "line 8", "The image is blank: every pixel is 0."),
        (
            "a.csv",
            "line 9",
            "expected 785 columns with commas, the label and 784 pixels, got a line of more than "
            "32,768 bytes",
        ),
    ]


def test_bad_images_of_an_array_are_listed_and_the_others_kept(read):
    images = TRAIN[0].astype(np.float32)
    images[2, 5, 5] = np.nan
    images[4, 0, 0] = -3
    labels = TRAIN[1].astype(np.float64)
    labels[6], labels[7], labels[8] = 10, 2.5, np.nan
    contents = read({"a.npz": material.npz_bytes(images=images, labels=labels, notes=labels)})
    assert len(contents.digits.train_labels) == 35
    assert [(place, reason) for _, place, reason in left(contents)][1:] == [
        ("image 2", "expected pixels from 0 to 255, got nan to nan"),
        ("image 4", "expected pixels from 0 to 255, got -3 to 237"),
        ("image 6", "expected a label 0 to 9, got 10"),
        ("image 7", "expected a label 0 to 9, got 2.5"),
        ("image 8", "expected a label 0 to 9, got nan"),
    ]
    assert left(contents)[0][1] == "array notes"


def test_bad_members_of_a_zip_are_listed_and_the_others_kept(read):
    good = material.folders(*TRAIN)
    bad = {
        "readme.txt": b"hello",
        "seven/a.png": material.picture(TRAIN[0][0]),
        "3/broken.png": material.picture(TRAIN[0][0])[:60],
        "3/text.png": b"not a picture",
        "3/more.zip": material.zip_bytes({"a": b"b"}),
        "3/large.png": material.picture(np.eye(200, dtype=np.uint8) * 255),
        "__MACOSX/3/._1.png": b"resource fork",
        "3/.DS_Store": b"",
    }
    contents = read({"a.zip": material.zip_bytes(good | bad)}, limits=Limits(pixels=10_000))
    assert len(contents.digits.train_labels) == 40
    assert [(place, reason) for _, place, reason in left(contents)] == [
        ("readme.txt", "expected a folder 0 to 9 directly above the picture"),
        ("seven/a.png", "expected a folder 0 to 9 directly above the picture"),
        ("3/broken.png", "This picture is damaged: it cannot be decoded."),
        ("3/text.png", "This is neither a PNG nor a JPEG picture."),
        ("3/more.zip", "an archive inside the archive is not opened"),
        ("3/large.png", "A picture has at most 10,000 pixels; this is larger."),
    ]


def test_repeated_pictures_are_kept_once_and_contradictions_not_at_all(read):
    images = np.concatenate([TRAIN[0][:4], TRAIN[0][:2]])
    labels = np.array([1, 2, 3, 4, 1, 7], np.uint8)
    contents = read({"a.npz": material.npz_bytes(images=images, labels=labels)})
    assert contents.digits.train_labels.tolist() == [1, 3, 4]
    assert contents.places["train"] == [("a.npz", f"image {i}") for i in (0, 2, 3)]
    assert [(place, reason) for _, place, reason in left(contents)] == [
        ("image 1", "this picture is there 2 times, labelled 2 and 7"),
        ("image 4", "the same picture as image 0"),
        ("image 5", "this picture is there 2 times, labelled 2 and 7"),
    ]


def test_an_upload_without_one_good_member_is_refused_with_the_first_reason(refusal):
    sentence = refusal({"a.npz": material.npz_bytes(images=TRAIN[0], labels=TRAIN[1] + 20)})
    assert sentence.startswith("a.npz, image 0: expected a label 0 to 9, got ")
    assert sentence.endswith("None of its 40 members can be used.")


# --- wrong containers --------------------------------------------------------------------------

IDX = material.idx_files("train", *TRAIN, packed=False)
IMAGES, LABELS = IDX.values()
CSV = material.csv_bytes(*TRAIN)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "There is no file"),
        ({"a": b""}, "a: the file is empty."),
        ({"a.pkl": b"\x80\x04K\x01."}, "a.pkl: this is a pickle, which is never opened"),
        ({"a.png": material.picture(TRAIN[0][0])}, "a.png: this is a single picture"),
        ({"a.bin": b"\x01\x02\0\0\0"}, "a.bin: expected a NumPy .npz, IDX files"),
        ({"a.gz": b"\x1f\x8b\x08 nonsense"}, "a.gz: expected gzip, but it is damaged."),
        ({"a.zip": b"PK\x03\x04 nonsense"}, "a.zip: expected a zip; its directory, at the end"),
        ({"a.csv": CSV, "b": IMAGES}, "Expected files of one format; a.csv is CSV, b is IDX."),
        (
            {"test.csv": CSV.replace(b"label,", b"", 1)},
            "test.csv, line 1: expected the first column to be label, got pixel0",
        ),
        ({"a.csv": b"label;pixel0\n"}, "a.csv, line 1: expected 785 columns with commas"),
        ({"a.csv": CSV.replace(b"label", b"id", 1)}, "expected the first column to be label"),
        ({"train-images": IMAGES}, "train-images: expected one file of images and one of labels"),
        ({"images": IMAGES[:-1], "labels": LABELS}, "images, end: expected 31,360 bytes after"),
        ({"images": IMAGES + b"x", "labels": LABELS}, "images, end: expected 31,360 bytes after"),
        (
            {"images": IMAGES, "labels": LABELS[:7] + b"\x27" + LABELS[8:-1]},
            "labels, header: expected 40 labels for the images of images, got 39.",
        ),
        (
            {"images": b"\0\0\x0d" + IMAGES[3:], "labels": LABELS},
            "images, header: expected unsigned bytes (type 0x08), got floats.",
        ),
        (
            {"a.npz": material.npz_bytes(pictures=TRAIN[0])},
            "a.npz: expected arrays called images and labels",
        ),
        (
            {"a.npz": material.npz_bytes(images=TRAIN[0])},
            "a.npz, array images: expected an array called labels beside it.",
        ),
        (
            {"a.npz": material.npz_bytes(images=TRAIN[0], labels=TRAIN[1][:7])},
            "a.npz, array labels: expected 40 labels for as many images, got 7.",
        ),
        (
            {"a.npz": material.npz_bytes(images=TRAIN[0].reshape(-1, 392), labels=TRAIN[1])},
            "a.npz, array images: expected (N, 28, 28), (N, 784)",
        ),
        (
            {"a.npz": material.npz_bytes(images=np.array([{}], object), labels=TRAIN[1][:1])},
            "a.npz, array images: expected numbers, got Python objects: a pickle is never opened.",
        ),
        (
            {"a.npz": material.zip_bytes({"images.npy": b"x", "labels.npy": b"y"})},
            "a.npz, array images: expected an array, but it cannot be read",
        ),
        ({"a.zip": material.zip_bytes({})}, "a.zip: expected at least one image, got none."),
    ],
)
def test_a_wrong_container_is_refused_with_what_was_expected(refusal, files, said):
    assert said in refusal(files)


def test_a_damaged_array_is_refused_even_late(refusal):
    content = bytearray(material.npz_bytes(images=TRAIN[0], labels=TRAIN[1]))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        info = archive.getinfo("images.npy")
    content[info.header_offset + 200 + info.compress_size // 2] ^= 0xFF
    assert "a.npz, array images: expected an array" in refusal({"a.npz": bytes(content)})
