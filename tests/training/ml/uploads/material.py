"""Files as people have them, made of synthetic digits."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from training.ml.data import idx_bytes
from training.ml.uploads import LocalFile


def csv_bytes(images: np.ndarray, labels: np.ndarray, *, header: bool = True) -> bytes:
    lines = ["label," + ",".join(f"pixel{i}" for i in range(784))] if header else []
    for image, label in zip(images, labels, strict=True):
        lines.append(",".join(map(str, [label, *image.reshape(-1)])))
    return ("\n".join(lines) + "\n").encode()


def npz_bytes(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def zip_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def picture(image: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


def folders(images: np.ndarray, labels: np.ndarray, above: str = "") -> dict[str, bytes]:
    return {
        f"{above}{label}/{index}.png": picture(image)
        for index, (image, label) in enumerate(zip(images, labels, strict=True))
    }


def idx_files(prefix: str, images: np.ndarray, labels: np.ndarray, *, packed: bool) -> dict:
    pack = gzip.compress if packed else bytes
    end = ".gz" if packed else ""
    return {
        f"{prefix}-images-idx3-ubyte{end}": pack(idx_bytes(images)),
        f"{prefix}-labels-idx1-ubyte{end}": pack(idx_bytes(labels)),
    }


def local(folder: Path, files: dict[str, bytes]) -> list[LocalFile]:
    """The files on this machine, under names that are not theirs."""
    found = []
    for number, (name, content) in enumerate(files.items()):
        path = folder / f"file-{number}"
        path.write_bytes(content)
        found.append(LocalFile(name, path))
    return found
