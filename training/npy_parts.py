"""The bytes of a .npy file, bit by bit, of an array that need not be in memory."""

import io
from collections.abc import Iterable, Iterator
from math import prod

import numpy as np

PART_BYTES = 1 << 20


def npy_parts(array: np.ndarray) -> Iterator[bytes]:
    """Header, then the content in parts of PART_BYTES."""
    content = memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    pieces = (content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES))
    yield from npy_of(array.dtype, array.shape, pieces)


def npy_of(dtype: np.dtype, shape: tuple[int, ...], content: Iterable[bytes]) -> Iterator[bytes]:
    """The same of an array whose content, row by row, comes from elsewhere."""
    header = io.BytesIO()
    described = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(header, described)
    yield header.getvalue()
    yield from content


def npy_size(dtype: np.dtype, shape: tuple[int, ...]) -> int:
    """About how many bytes that will be."""
    return 128 + np.dtype(dtype).itemsize * prod(shape)
