"""One matrix from a `.safetensors` file that holds no other tensor.

Every number of the header is checked against the file before it is used.
Source: https://github.com/huggingface/safetensors, "Format".
"""

from typing import Any, Literal, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

MAX_HEADER_BYTES = 1024 * 1024
LENGTH_BYTES = 8

Weights = NDArray[np.float16] | NDArray[np.float32]
"""Of shape (tokens, dimensions)."""


class BadTensor(Exception):
    """The file holds no matrix that can be read; the message says why."""


class Tensor(msgspec.Struct):
    dtype: Literal["F16", "F32"]
    shape: tuple[int, int]
    data_offsets: tuple[int, int]


def read_matrix(content: bytes) -> Weights:
    """The matrix of a file's bytes: finite, of float16 or float32, with rows and columns.

    Raises:
        BadTensor: another format, a header that does not fit the file, or other numbers.
    """
    length = int.from_bytes(content[:LENGTH_BYTES], "little")
    start = LENGTH_BYTES + length
    if length > MAX_HEADER_BYTES or start > len(content):
        raise BadTensor("its first eight bytes are not the length of a safetensors header")
    tensor = _only_tensor(content[LENGTH_BYTES:start])
    rows, columns = tensor.shape
    begin, end = tensor.data_offsets
    dtype = np.dtype("<f2" if tensor.dtype == "F16" else "<f4")
    if rows < 1 or columns < 1 or begin < 0 or end - begin != rows * columns * dtype.itemsize:
        raise BadTensor(f"{tensor.shape} numbers do not take the bytes {begin} to {end}")
    if start + end > len(content):
        raise BadTensor(f"it ends before byte {start + end:,}: it was not copied whole")
    found = np.frombuffer(content, dtype, rows * columns, start + begin)
    if not np.isfinite(found).all():
        raise BadTensor("it holds NaN or infinite numbers")
    return cast(Weights, found.reshape(rows, columns))


def _only_tensor(header: bytes) -> Tensor:
    try:
        entries = msgspec.json.decode(header, type=dict[str, Any])
        entries.pop("__metadata__", None)
        if len(entries) != 1:
            raise BadTensor(f"it holds {len(entries)} tensors ({', '.join(entries)}), not one")
        return msgspec.convert(next(iter(entries.values())), Tensor)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadTensor(f"its header does not describe a float matrix: {error}") from error
