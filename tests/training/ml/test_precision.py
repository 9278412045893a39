"""`auto`: bfloat16 where the processor computes with it."""

import pytest

from training.ml.precision import computes_bfloat16, resolve


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16 vaes\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("processor\t: 0\n", False),
    ],
)
def test_the_processor_is_asked(tmp_path, flags, expected):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{flags}")

    assert computes_bfloat16(cpuinfo) is expected


def test_a_system_that_cannot_be_asked_counts_as_one_without(tmp_path):
    assert computes_bfloat16(tmp_path / "none") is False


@pytest.mark.parametrize("named", ["float32", "bfloat16"])
def test_a_named_precision_is_kept(named):
    assert resolve(named) == named


def test_auto_is_one_of_the_two():
    assert resolve("auto") == ("bfloat16" if computes_bfloat16() else "float32")
