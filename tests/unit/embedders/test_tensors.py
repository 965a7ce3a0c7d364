"""Matrices from files: what is read, and that no header leads beyond its file."""

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.static_model import one_tensor, safetensors

from bedplate.embedders.tensors import BadTensor, read_matrix

MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)


def entry(**changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} | changes


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_matrix_is_read_as_it_was_written(dtype: Any) -> None:
    matrix = MATRIX.astype(dtype)
    found = read_matrix(one_tensor(matrix))
    np.testing.assert_array_equal(found, matrix)
    assert found.dtype == dtype


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"a": entry(), "b": entry()}, r"2 tensors \(a, b\)"),
        ({"__metadata__": {}}, "0 tensors"),
        ({"a": entry(dtype="I8")}, "does not describe a float matrix"),
        ({"a": entry(shape=[6])}, "does not describe a float matrix"),
        ({"a": entry(shape=[2, 3.5])}, "does not describe a float matrix"),
        ({"a": entry(shape=[-2, -3])}, "do not take"),
        ({"a": entry(shape=[2, 4])}, "do not take"),
        ({"a": entry(shape=[2**40, 2**40])}, "do not take"),
        ({"a": entry(data_offsets=[-8, 16])}, "do not take"),
        ({"a": entry(data_offsets=[24, 0])}, "do not take"),
        ({"a": entry(data_offsets=[1, 25])}, "not copied whole"),
        ({"a": entry(shape=[0, 3], data_offsets=[0, 0])}, "do not take"),
        ({"a": 1}, "does not describe"),
        (b"[" * 100_000, "does not describe"),
        (b"\xff", "does not describe"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(header: Any, message: str) -> None:
    with pytest.raises(BadTensor, match=message):
        read_matrix(safetensors(header, MATRIX.tobytes()))


@pytest.mark.parametrize("content", [b"", b"\x05", b"\xff" * 8, (2**63).to_bytes(8, "little")])
def test_a_length_beyond_the_file_is_refused(content: bytes) -> None:
    with pytest.raises(BadTensor, match="first eight bytes"):
        read_matrix(content)


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(BadTensor, match="NaN"):
        read_matrix(one_tensor(np.full((2, 2), np.nan, dtype=np.float32)))


@given(st.integers(0, 100), st.binary(max_size=6))
def test_a_file_with_some_bytes_changed_is_read_or_refused(at: int, change: bytes) -> None:
    whole = one_tensor(MATRIX)
    content = whole[:at] + change + whole[at + len(change) :]
    with suppress(BadTensor):
        assert read_matrix(content).ndim == 2
