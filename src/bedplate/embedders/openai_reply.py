"""What an OpenAI-wire server answers to POST /embeddings, as unit rows.

Source: OpenAI API reference, "Create embeddings". A vector comes as a list of numbers, or in
base64 as little-endian float32.
"""

import base64
import binascii
from collections.abc import Sequence

import msgspec
import numpy as np

from bedplate.embedders.protocol import Matrix

SMALLEST_NORM = 1e-12


class BadAnswer(Exception):
    """The answer cannot be used; the message says what is wrong with it."""


class Item(msgspec.Struct):
    index: int
    embedding: str | list[float]


class Reply(msgspec.Struct):
    data: list[Item]


def read_vectors(body: bytes, count: int, dimensions: int | None) -> Matrix:
    """The vectors of `count` texts in order, as unit rows.

    Raises:
        BadAnswer: not this wire, another number of vectors, vectors of other or differing
            lengths than `dimensions`, or one without a direction: NaN, infinite or zero.
    """
    try:
        items = msgspec.json.decode(body, type=Reply).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(f"its answer is no list of embeddings: {error}") from error
    if len(items) != count:
        raise BadAnswer(f"it answered {len(items)} vectors for {count} texts")
    items.sort(key=lambda item: item.index)
    if [item.index for item in items] != list(range(count)):
        raise BadAnswer(f"it numbered its vectors otherwise than 0 to {count - 1}")
    return _unit(_stack([_numbers(item) for item in items], dimensions))


def _numbers(item: Item) -> Matrix:
    if not isinstance(item.embedding, str):
        # What float32 cannot hold becomes infinite, and is refused as such.
        with np.errstate(over="ignore"):
            return np.array(item.embedding, dtype=np.float32)
    try:
        content = base64.b64decode(item.embedding, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadAnswer(f"vector {item.index} is not base64: {error}") from error
    if len(content) % 4:
        raise BadAnswer(f"vector {item.index} is {len(content)} bytes, which is no float32 array")
    return np.frombuffer(content, dtype="<f4").astype(np.float32)


def _stack(rows: Sequence[Matrix], dimensions: int | None) -> Matrix:
    wanted = len(rows[0]) if dimensions is None else dimensions
    for row in rows:
        if len(row) != wanted or not wanted:
            raise BadAnswer(
                f"it answered a vector of {len(row)} numbers where {wanted or 'some'} were expected"
            )
    return np.stack(rows)


def _unit(vectors: Matrix) -> Matrix:
    for number, row in enumerate(vectors):
        if not np.isfinite(row).all():
            raise BadAnswer(f"vector {number} holds NaN or an infinite number")
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    if (norms < SMALLEST_NORM).any():
        raise BadAnswer(f"vector {int(norms.argmin())} is zero and points nowhere")
    return (vectors / norms).astype(np.float32)
