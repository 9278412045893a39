"""Files made to harm: refused before they are unpacked, and nothing but a sentence comes of any."""

import gzip
import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.training.ml.synthetic import synthetic_digits
from tests.training.ml.uploads import material
from training.ml.uploads import Limits, Refused, read_upload, shown

DIGITS = synthetic_digits(5, train=6, test=1)
IMAGES, LABELS = DIGITS.train_images, DIGITS.train_labels
SMALL = Limits(members=50, unpacked_bytes=200_000, ratio=50, pixels=10_000)


def read(files: dict[str, bytes], limits: Limits = SMALL):
    with tempfile.TemporaryDirectory() as folder:
        return read_upload(material.local(Path(folder), files), limits)


def refusal(files: dict[str, bytes], limits: Limits = SMALL) -> str:
    with pytest.raises(Refused) as refused:
        read(files, limits)
    return str(refused.value)


@pytest.mark.parametrize(
    "name",
    ["../0/a.png", "0/../../a.png", "/0/a.png", "..\\0\\a.png", "C:/0/a.png", "\\0\\a.png"],
)
def test_a_name_that_leads_out_of_the_archive_refuses_it(name):
    said = refusal({"a.zip": material.zip_bytes({name: material.picture(IMAGES[0])})})
    assert "expected names below the archive's own folder" in said


def test_folders_of_windows_are_folders():
    archive = material.zip_bytes({"digits\\4\\a.png": material.picture(IMAGES[0])})
    assert read({"a.zip": archive}).digits.train_labels.tolist() == [4]


def test_a_zip_bomb_is_refused_by_its_directory():
    bomb = material.zip_bytes({"0/a.png": b"\0" * 40_000_000})
    limits = Limits(unpacked_bytes=1 << 30, ratio=200)
    assert "this looks like a zip bomb" in refusal({"a.zip": bomb}, limits)
    assert "expected at most 200,000 bytes unpacked, got 40,000,000" in refusal({"a.zip": bomb})


def test_more_members_than_allowed_are_refused():
    many = material.zip_bytes({f"0/{i}.png": b"" for i in range(51)})
    assert "expected at most 50 members, got 51." in refusal({"a.zip": many})
    thousands = material.zip_bytes({f"0/{i}.png": b"" for i in range(1000)})
    assert "expected at most 50 members, got far more." in refusal({"a.zip": thousands})
    lines = material.csv_bytes(np.repeat(IMAGES, 10, 0), np.repeat(LABELS, 10))
    assert "expected at most 50 lines" in refusal({"a.csv": lines}, Limits(members=50))
    empty = b"\n".join([material.csv_bytes(IMAGES, LABELS), *[b""] * 100])
    assert "expected at most 50 lines" in refusal({"a.csv": empty}, Limits(members=50))


def test_an_array_is_refused_by_what_its_header_promises():
    """Nothing of the promised size is ever reserved: the promise alone is judged."""
    header = io.BytesIO()
    promise = {"descr": "|u1", "fortran_order": False, "shape": (10**12, 28, 28)}
    np.lib.format.write_array_header_1_0(header, promise)
    labels = io.BytesIO()
    np.save(labels, LABELS)
    archive = material.zip_bytes({"images.npy": header.getvalue(), "labels.npy": labels.getvalue()})
    said = refusal({"a.npz": archive})
    assert "array images: expected 784,000,000,000,000 bytes" in said


def test_an_idx_file_is_refused_by_what_its_header_promises():
    sizes = np.array([0x0803, 40, 50_000, 50_000], ">u4").tobytes()
    files = {"images": gzip.compress(sizes), "labels": b"\0\0\x08\x01\0\0\0\x28" + bytes(40)}
    assert "expected at most 10,000 pixels an image" in refusal(files)
    assert "the header promises 100,000,000,000 bytes" in refusal(files, Limits(pixels=10**10))


def test_a_gzip_bomb_is_unpacked_no_further_than_allowed():
    bomb = gzip.compress(material.csv_bytes(IMAGES, LABELS) + b"0" * 50_000_000)
    assert "line 8: expected at most 200,000 bytes unpacked." in refusal({"a.csv.gz": bomb})


def test_an_encrypted_member_is_left_out():
    content = bytearray(material.zip_bytes(material.folders(IMAGES, LABELS)))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        first = archive.infolist()[0]
    directory = content.index(b"PK\x01\x02")
    content[directory + 8] |= 1
    contents = read({"a.zip": bytes(content)})
    assert [(one.place, one.reason) for one in contents.left_out] == [
        (first.filename, "expected no password: this member is encrypted")
    ]


def test_names_are_shown_on_one_line_and_not_for_ever():
    assert shown("a\nb\x1b[31m\u202egnp.exe") == "a\ufffdb\ufffd[31m\ufffdgnp.exe"
    assert len(shown("x" * 1000)) == 160


WHOLE = {
    "a.npz": material.npz_bytes(images=IMAGES, labels=LABELS),
    "a.zip": material.zip_bytes(material.folders(IMAGES, LABELS)),
    "a.csv": material.csv_bytes(IMAGES, LABELS),
    "a.csv.gz": gzip.compress(material.csv_bytes(IMAGES, LABELS)),
    "images": material.idx_files("a", IMAGES, LABELS, packed=False)["a-images-idx3-ubyte"],
    "images.gz": material.idx_files("a", IMAGES, LABELS, packed=True)["a-images-idx3-ubyte.gz"],
}


@given(
    name=st.sampled_from(sorted(WHOLE)),
    start=st.integers(0, 12_000),
    junk=st.binary(max_size=40),
    cut=st.booleans(),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_changed_in_a_file_gives_digits_or_a_sentence(name, start, junk, cut):
    whole = WHOLE[name]
    at = start % len(whole)
    content = whole[:at] + junk + (b"" if cut else whole[at + len(junk) :])
    files = {name: content}
    if name.startswith("images"):
        files["labels"] = material.idx_files("a", IMAGES, LABELS, packed=False)[
            "a-labels-idx1-ubyte"
        ]
    try:
        contents = read(files, Limits(members=1000, unpacked_bytes=1_000_000))
    except Refused as refused:
        said = str(refused)
    else:
        said = f"{len(contents.digits.train_labels) + len(contents.digits.test_labels)} digits"
    assert said != "0 digits"
    assert "\n" not in said


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_at_all_give_a_sentence(content):
    assert refusal({"a": content})
